/**
 * An OTLP/HTTP receiver on a real port. It takes nothing that is not OTLP JSON to the letter: field names and types of
 * trace.proto, resource.proto and common.proto, ids of the right length, 64-bit numbers as text, enums as numbers.
 */

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly traceState?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
  readonly links: readonly { traceId: string; spanId: string }[];
  readonly error: boolean;
}

export interface Receiver {
  readonly url: string;
  readonly spans: ReceivedSpan[];
  readonly requests: IncomingMessage["headers"][];
  readonly services: Set<string>;
  /** What was wrong with what came. */
  readonly faults: string[];
  /** Answers in place of the receiver, while it is set. */
  answer: ((request: IncomingMessage, response: ServerResponse) => void) | undefined;
  stop(): void;
}

type Shape = Readonly<Record<string, (value: unknown, at: string) => string | undefined>>;
const is =
  (test: (value: unknown) => boolean, what: string) =>
  (value: unknown, at: string): string | undefined =>
    test(value) ? undefined : `${at} is no ${what}: ${JSON.stringify(value)}`;
const hex = (length: number) =>
  is(
    (value) => typeof value === "string" && new RegExp(`^[0-9a-f]{${length}}$`).test(value),
    `${length} hex digits`,
  );
const text = is((value) => typeof value === "string", "text");
const nano = is(
  (value) => typeof value === "string" && /^\d{19}$/.test(value),
  "64-bit number as text",
);
const oneOf = (...values: number[]) =>
  is((value) => values.includes(value as number), `one of ${values.join()}`);
const list =
  (shape: (value: unknown, at: string) => string | undefined) =>
  (value: unknown, at: string): string | undefined =>
    Array.isArray(value)
      ? value
          .map((one, index) => shape(one, `${at}[${index}]`))
          .find((fault) => fault !== undefined)
      : `${at} is no list`;
const object =
  (shape: Shape, required: readonly string[] = []) =>
  (value: unknown, at: string): string | undefined => {
    if (typeof value !== "object" || value === null || Array.isArray(value))
      return `${at} is no object`;
    const absent = required.find((name) => !(name in value));
    if (absent !== undefined) return `${at}.${absent} is absent`;
    for (const [name, member] of Object.entries(value)) {
      const check = shape[name];
      const fault =
        check === undefined ? `${at}.${name} is unknown` : check(member, `${at}.${name}`);
      if (fault !== undefined) return fault;
    }
    return undefined;
  };
const anyValue = (value: unknown, at: string): string | undefined =>
  Object.keys(value as object).length === 1
    ? object({
        stringValue: text,
        boolValue: is((one) => typeof one === "boolean", "boolean"),
        intValue: is(
          (one) => typeof one === "string" && /^-?\d{1,19}$/.test(one),
          "64-bit number as text",
        ),
        doubleValue: is((one) => typeof one === "number", "number"),
      })(value, at)
    : `${at} has not one value`;
const pairs = list(object({ key: text, value: anyValue }, ["key", "value"]));
/** common.proto: the keys of a collection are unique. */
const attributes = (value: unknown, at: string): string | undefined => {
  const fault = pairs(value, at);
  if (fault !== undefined) return fault;
  const keys = (value as { key: string }[]).map(({ key }) => key);
  return new Set(keys).size === keys.length ? undefined : `${at} has a key twice: ${keys.join()}`;
};
const span = object(
  {
    traceId: hex(32),
    spanId: hex(16),
    parentSpanId: hex(16),
    traceState: text,
    name: text,
    kind: oneOf(1, 2, 3),
    startTimeUnixNano: nano,
    endTimeUnixNano: nano,
    attributes,
    links: list(object({ traceId: hex(32), spanId: hex(16) }, ["traceId", "spanId"])),
    status: object({ code: oneOf(0, 1, 2), message: text }),
  },
  ["traceId", "spanId", "name", "kind", "startTimeUnixNano", "endTimeUnixNano"],
);
const request = object(
  {
    resourceSpans: list(
      object({
        resource: object({ attributes }),
        scopeSpans: list(
          object({ scope: object({ name: text, version: text }), spans: list(span) }),
        ),
      }),
    ),
  },
  ["resourceSpans"],
);

/** What is wrong with the body of an export request, if anything. */
export function faultIn(body: unknown): string | undefined {
  return request(body, "request");
}

interface Sent {
  resourceSpans: {
    resource: { attributes: Attribute[] };
    scopeSpans: {
      spans: (Omit<ReceivedSpan, "attributes" | "links" | "error"> & {
        attributes?: Attribute[];
        links?: ReceivedSpan["links"];
        status?: { code?: number };
      })[];
    }[];
  }[];
}
type Attribute = {
  key: string;
  value: { stringValue?: string; intValue?: string; boolValue?: boolean; doubleValue?: number };
};
const plain = (of: Attribute[] = []): Record<string, string | number | boolean> =>
  Object.fromEntries(
    of.map(({ key, value: { stringValue, intValue, boolValue, doubleValue } }) => [
      key,
      stringValue ??
        (intValue === undefined ? undefined : Number(intValue)) ??
        boolValue ??
        doubleValue ??
        "",
    ]),
  );

export async function receive(): Promise<Receiver> {
  const receiver = {
    spans: [],
    requests: [],
    services: new Set(),
    faults: [],
    answer: undefined,
  } as unknown as {
    -readonly [K in keyof Receiver]: Receiver[K];
  };
  const server = createServer((incoming, response) => {
    receiver.requests.push(incoming.headers);
    if (receiver.answer !== undefined) return receiver.answer(incoming, response);
    let body = "";
    incoming.on("data", (chunk: Buffer) => (body += chunk.toString()));
    incoming.on("end", () => {
      const fault = take(incoming, body);
      if (fault !== undefined) receiver.faults.push(fault);
      response.writeHead(fault === undefined ? 200 : 400, { "content-type": "application/json" });
      response.end("{}");
    });
  });
  const take = ({ method, url, headers }: IncomingMessage, body: string): string | undefined => {
    if (method !== "POST" || url !== "/base/v1/traces") return `${method} ${url}`;
    if (headers["content-type"] !== "application/json") return String(headers["content-type"]);
    const sent = JSON.parse(body) as Sent;
    const fault = faultIn(sent);
    if (fault !== undefined) return fault;
    for (const { resource, scopeSpans } of sent.resourceSpans) {
      receiver.services.add(String(plain(resource.attributes)["service.name"]));
      for (const { spans } of scopeSpans)
        for (const { attributes: own, links = [], status, ...rest } of spans)
          receiver.spans.push({
            ...rest,
            links,
            attributes: plain(own),
            error: status?.code === 2,
          });
    }
    return undefined;
  };
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  receiver.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/base`;
  receiver.stop = () => {
    server.closeAllConnections();
    server.close();
  };
  return receiver;
}
