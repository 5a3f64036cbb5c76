// A request that is sent again: as it was, or not at all.
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { ExchangeEntry } from "../../../src/cli/wire-view/entries.ts";
import { replay } from "../../../src/cli/wire-view/replay.ts";

interface Arrived {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

const arrived: Arrived[] = [];
const server = createServer((request, response) => {
  const { method, url, headers } = request;
  let body = "";
  request.on("data", (piece: Buffer) => (body += piece.toString()));
  request.on("end", () => {
    arrived.push({ method, url, headers, body });
    response.writeHead(202).end("taken");
  });
});
let port = 0;
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  port = (server.address() as AddressInfo).port;
});
afterAll(() => new Promise((resolve) => server.close(resolve)));

const ENTRY: ExchangeEntry = {
  kind: "exchange",
  n: 1,
  version: 1,
  id: "x",
  at: 0,
  method: "POST",
  url: "http://localhost:8787/mcp?a=b",
  title: "",
  headers: [
    ["host", "localhost:8787"],
    ["content-length", "999"],
    ["authorization", "Bearer [redacted:TOKEN]"],
  ],
  body: '{"s":"[redacted:REQUEST_STATE]"}',
  era: "",
  session: "",
  ids: [],
  state: "ended",
  events: 0,
};

it("without its secrets it is not sent, and says which are missing", async () => {
  expect(await replay(ENTRY, port, { TOKEN: "t" })).toEqual({
    problem: "It held secrets that the wire view does not keep: REQUEST_STATE",
    missing: ["REQUEST_STATE"],
  });
  expect(arrived).toEqual([]);
});

it("with them it is sent as it was, to this machine, whatever host it named", async () => {
  expect(await replay(ENTRY, port, { TOKEN: "t", REQUEST_STATE: "ü" })).toEqual({ status: 202 });
  expect(arrived.splice(0)).toMatchObject([
    {
      method: "POST",
      url: "/mcp?a=b",
      headers: { host: "localhost:8787", authorization: "Bearer t", "content-length": "10" },
      body: '{"s":"ü"}',
    },
  ]);
});

it("a body that was not kept cannot be sent, nor a secret that is no header field", async () => {
  expect((await replay({ ...ENTRY, bodyNote: "too long" }, port, {})).problem).toContain(
    "too long",
  );
  const { problem } = await replay(ENTRY, port, { TOKEN: "a\nb", REQUEST_STATE: "c" });
  expect(problem).toContain("It cannot be sent");
  expect(arrived).toEqual([]);
});

it("a server that does not answer is said", async () => {
  expect((await replay(ENTRY, 1, { TOKEN: "t", REQUEST_STATE: "c" })).problem).toContain(
    "not answered",
  );
});
