/** What the server card says of this server, beside its name, version and address. */

import type { CardDetails } from "../../../src/api.ts";

export const card: CardDetails = { description: "Gives back what it was given." };
