/** A fault of ours: the answer names the trace, the log line beside it does too, and nothing else is told. */

import { env } from "cloudflare:workers";
import { afterEach, expect, it, vi } from "vitest";
import type { Env } from "../world/env.ts";
import { createWorker } from "../../src/worker/router.ts";
import { loginOptions } from "../world/login-options.ts";
import { everyPart } from "../world/parts.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const { fetch: serve } = createWorker<Env>({
  server: { info: { name: "faulty", version: "1" }, tools: [] },
  ...everyPart(loginOptions),
  site: () => {
    throw new Error("the password is hunter2");
  },
});

afterEach(() => vi.restoreAllMocks());

it.each<[Record<string, string>, RegExp]>([
  [{ traceparent: `00-${TRACE}-00f067aa0ba902b7-01` }, new RegExp(`^${TRACE}$`)],
  [{ traceparent: `00-${"0".repeat(32)}-00f067aa0ba902b7-01` }, /^(?!0{32})[0-9a-f]{32}$/],
  [{}, /^[0-9a-f]{32}$/],
])("with %j", async (headers, expected) => {
  const lines: string[] = [];
  vi.spyOn(console, "error").mockImplementation((line: string) => {
    lines.push(line);
  });
  const response = await serve(
    new Request("http://localhost/page", { headers }),
    env as unknown as Env,
  );
  expect(response.status).toBe(500);
  const text = await response.text();
  expect(text).not.toContain("hunter2");
  const { trace } = JSON.parse(text) as { trace: string };
  expect(trace).toMatch(expected);
  expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
    { event: "request.failed", trace, error: expect.stringContaining("hunter2") as unknown },
  ]);
});
