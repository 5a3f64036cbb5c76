/** A certificate authority for one test, and an HTTPS server with a certificate of it. Made by the openssl program. */

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import type { IncomingMessage, RequestListener } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TLSSocket } from "node:tls";

/** A key and its certificate in PEM. */
export interface Certificate {
  readonly key: string;
  readonly cert: string;
}

export interface Authority {
  /** Its own certificate in PEM: who trusts that trusts all that it issued. */
  readonly cert: string;
  /** A certificate for a server of the name `host`. */
  issue(host: string): Certificate;
}

const NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

/** Makes an authority. Throws when there is no openssl. */
export function makeAuthority(): Authority {
  const folder = mkdtempSync(join(tmpdir(), "barewire-authority-"));
  const openssl = (...args: string[]): unknown =>
    execFileSync("openssl", args, { cwd: folder, stdio: "pipe" });
  const read = (name: string): string => readFileSync(join(folder, name), "utf8");
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  openssl(
    "req",
    "-x509",
    ...NEW_KEY,
    "-keyout",
    "ca.key",
    "-out",
    "ca.pem",
    "-days",
    "2",
    "-subj",
    "/CN=Test authority",
  );
  return {
    cert: read("ca.pem"),
    issue(host) {
      writeFileSync(join(folder, "names"), `subjectAltName=DNS:${host}\n`);
      openssl("req", ...NEW_KEY, "-keyout", "leaf.key", "-out", "leaf.csr", "-subj", `/CN=${host}`);
      const by = [
        "-CA",
        "ca.pem",
        "-CAkey",
        "ca.key",
        "-CAcreateserial",
        "-days",
        "2",
        "-extfile",
        "names",
      ];
      openssl("x509", "-req", "-in", "leaf.csr", "-out", "leaf.pem", ...by);
      return { key: read("leaf.key"), cert: read("leaf.pem") };
    },
  };
}

/** A request as the server got it. */
export interface Arrived {
  readonly url: string;
  readonly host: string;
  /** The name that the client asked for when it opened the connection. */
  readonly named: string;
}

export interface SecureServer {
  readonly port: number;
  readonly arrived: Arrived[];
  /** Shows `certificate` to every connection from now on, and ends those that there are. */
  show(certificate: Certificate): void;
  stop(): void;
}

/** An HTTPS server on loopback. */
export async function serveSecurely(
  certificate: Certificate,
  answer: RequestListener,
): Promise<SecureServer> {
  const arrived: Arrived[] = [];
  const note = ({ url = "", headers, socket }: IncomingMessage): void => {
    const { servername } = socket as TLSSocket & { readonly servername?: string | false };
    arrived.push({
      url,
      host: headers.host ?? "",
      named: servername === false ? "" : (servername ?? ""),
    });
  };
  const server = createServer({ ...certificate }, (request, response) => {
    note(request);
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    arrived,
    show(other) {
      server.setSecureContext({ ...other });
      server.closeAllConnections();
    },
    stop() {
      server.closeAllConnections();
      server.close();
    },
  };
}
