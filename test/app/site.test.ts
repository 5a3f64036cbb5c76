/** The logo of a fork, as it may be written: a drawing, or any picture as a data URI. */

import { expect, it } from "vitest";
import { encodeBase64, encodeUtf8 } from "../../src/base/bytes.ts";
import { iconResponse, site } from "../../src/app/site.ts";

const SVG = `<svg xmlns="http://www.w3.org/2000/svg"><path d="M0,0h9" fill="#fff"/></svg>`;
const PNG = new Uint8Array([137, 80, 78, 71, 13, 10, 26, 10, 0, 255]);

it.each<[string, string, string, Uint8Array]>([
  ["a drawing", SVG, "image/svg+xml", encodeUtf8(SVG)],
  [
    "a drawing in a data URI",
    `data:image/svg+xml,${encodeURIComponent(SVG)}`,
    "image/svg+xml",
    encodeUtf8(SVG),
  ],
  [
    "one with a charset",
    `data:image/svg+xml;charset=utf-8,${encodeURIComponent(SVG)}`,
    "image/svg+xml;charset=utf-8",
    encodeUtf8(SVG),
  ],
  [
    "a drawing in base64",
    `data:image/svg+xml;base64,${encodeBase64(encodeUtf8(SVG))}`,
    "image/svg+xml",
    encodeUtf8(SVG),
  ],
  ["a picture", `data:image/png;base64,${encodeBase64(PNG)}`, "image/png", PNG],
])("%s", async (_, logo, type, bytes) => {
  const answer = iconResponse(logo);
  expect(answer.headers.get("content-type")).toBe(type);
  expect(new Uint8Array(await answer.arrayBuffer())).toEqual(bytes);
  expect(answer.headers.get("content-security-policy")).toContain("default-src 'none'");
});

it.each([
  ["barewire", "B"],
  ["<script>", "S"],
  ["“été”", "É"],
  ["7 seas", "7"],
  ["\u05D0\u05D1", "\u05D0"],
  ["\u{1F600}", ""],
  ["", ""],
])("without one, the first letter of the name stands for the server: %j", async (name, letter) => {
  const about = {
    server: {
      info: { name, version: "1" },
      instructions: undefined,
      tools: new Map(),
      versions: [],
    },
    identifiers: { resource: "" },
    authMode: "builtin",
  } as const;
  const answer = site(new Request("https://mcp.test/favicon.ico"), about);
  expect(await answer?.text()).toContain(`>${letter}</text></svg>`);
});
