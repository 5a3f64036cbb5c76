/** Node has the type of Web Crypto keys under another name: crypto/ names it as the Web does. */

import type { webcrypto } from "node:crypto";

declare global {
  type CryptoKey = webcrypto.CryptoKey;
}
