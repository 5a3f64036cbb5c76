// Who may see the wire view, and who may send with it.
import { expect, it } from "vitest";
import { newViewKey, viewRefusal } from "../../../src/cli/wire-view/access.ts";

const KEY = newViewKey();
const OWN = { host: "localhost:8787" };
const JSON_TYPE = { "content-type": "application/json" };
const get = (headers: Record<string, string>): Request =>
  new Request("http://localhost:8787/wire/records", { headers });
const post = (headers: Record<string, string>): Request => {
  const all = { "wire-view-key": KEY, ...headers };
  return new Request("http://localhost:8787/wire/replay", {
    method: "POST",
    headers: all,
    body: "{}",
  });
};

it.each([
  ["a person who typed the address", get({ ...OWN, "sec-fetch-site": "none" })],
  ["the page itself", get({ ...OWN, "sec-fetch-site": "same-origin" })],
  ["a program", get({ host: "127.0.0.1:8787" })],
  ["the newer family", get({ host: "[::1]:8787" })],
  ["the page that sends again", post({ ...OWN, ...JSON_TYPE, origin: "http://localhost:8787" })],
  ["a program that knows the key", post({ ...OWN, ...JSON_TYPE })],
])("%s may", (_, request) => {
  expect(viewRefusal(request, KEY)).toBeUndefined();
});

it.each([
  ["a name that leads here", get({ host: "evil.example" }), "this machine alone"],
  ["a name that begins like one of ours", get({ host: "localhost.evil.example" }), "this machine"],
  ["no name", get({}), "this machine alone"],
  ["a tunnel", get({ ...OWN, "x-forwarded-for": "192.0.2.1" }), "forwarded"],
  ["a page of another origin", get({ ...OWN, origin: "http://localhost:3000" }), "another origin"],
  ["a sandboxed page", get({ ...OWN, origin: "null" }), "another origin"],
  ["a picture in a page of another site", get({ ...OWN, "sec-fetch-site": "cross-site" }), "site"],
  ["a page of another port", get({ ...OWN, "sec-fetch-site": "same-site" }), "another site"],
  [
    "a page that does not say its origin",
    post({ ...OWN, ...JSON_TYPE, "sec-fetch-site": "same-origin" }),
    "say its origin",
  ],
  [
    "a form, which needs no leave to be sent",
    post({ ...OWN, "content-type": "text/plain" }),
    "JSON",
  ],
  [
    "a stranger behind a proxy that adds nothing",
    post({ ...OWN, ...JSON_TYPE, "wire-view-key": "" }),
    "in its terminal, http://localhost:8787/wire#KEY",
  ],
  [
    "the key of another start",
    post({ ...OWN, ...JSON_TYPE, "wire-view-key": newViewKey() }),
    "KEY",
  ],
  [
    "the beginning of the key",
    post({ ...OWN, ...JSON_TYPE, "wire-view-key": KEY.slice(0, -1) }),
    "KEY",
  ],
  [
    "the page itself, without the key",
    post({ ...OWN, ...JSON_TYPE, origin: "http://localhost:8787", "wire-view-key": "" }),
    "KEY",
  ],
])("%s may not", (_, request, says) => {
  expect(viewRefusal(request, KEY)).toContain(says);
});

it("each start has a key of 128 bits", () => {
  expect(KEY).toMatch(/^[0-9a-f]{32}$/);
  expect(newViewKey()).not.toBe(KEY);
});
