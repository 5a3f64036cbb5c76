/** Redirect URIs: what may be registered, in every disguise, and what a request may use of it. */

import { describe, expect, it } from "vitest";
import type { Client } from "../../../src/oauth/clients/types.ts";
import { checkRedirectUri, matchRedirectUri } from "../../../src/oauth/clients/redirect-uri.ts";

const HTTPS = [
  "https://client.example/cb",
  "https://client.example",
  "https://client.example:8443/cb?x=1&y=%20",
  "https://vscode.dev/redirect",
  "https://[2001:db8::1]/cb",
  "https://xn--bcher-kva.example/cb",
];

const NATIVE = [
  "http://localhost/cb",
  "http://localhost:3000",
  "http://127.0.0.1/",
  "http://127.0.0.1:33418/cb?x=1",
  "http://[::1]:8080/cb",
  "com.example.app:/oauth",
  "com.example.app://oauth",
  "com.example.MyApp:/oauth",
  "cursor://anysphere.cursor-mcp/oauth/callback",
  "vscode://vscode.github-authentication/did-authenticate",
  "vscode-insiders://publisher.part/cb",
  "VSCode://publisher.part/cb",
  "windsurf://codeium.windsurf",
  "kiro://kiro.oauth/callback",
];

/** Schemes that run code, read files or start programs; each is tried in several spellings. */
const DANGEROUS = [
  "javascript:alert(1)",
  "javascript://client.example/%0aalert(1)",
  "javascript://localhost/%0Aalert(1)",
  "data:text/html,<script>alert(1)</script>",
  "data:text/html;base64,PHNjcmlwdD4=",
  "data://client.example/,x",
  "vbscript:msgbox(1)",
  "vbscript://a.b/",
  "blob:https://client.example/uuid",
  "file:///etc/passwd",
  "file://host/share",
  "filesystem:https://client.example/temporary/x",
  "view-source:https://client.example/",
  "view-source://client.example/",
  "about:blank",
  "ws://client.example/",
  "wss://client.example/",
  "ftp://client.example/",
  "mailto:a@client.example",
  "intent://scan/#Intent;end",
  "intent://scan/",
  "ms-appinstaller://x/?source=https://evil.example",
  "ms-msdt:/id",
  "search-ms://query/",
  "chrome-extension://abc/cb",
  "x-apple.systempreferences:/x",
  "jar://a.b/",
  "tel:123",
  "urn:ietf:wg:oauth:2.0:oob",
  // Each of them opens something, by an error redirect alone.
  ...[
    "shortcuts",
    "cifs",
    "dav",
    "davs",
    "git+ssh",
    "rsync",
    "rtsp",
    "webcal",
    "smb",
    "ssh",
    "steam",
    "zoommtg",
  ].map((scheme) => `${scheme}://host/path`),
  ...[
    "tel",
    "skype",
    "slack",
    "spotify",
    "obsidian",
    "notion",
    "jetbrains",
    "x-callback-url",
    "ms-word",
    "cursors",
  ].map((scheme) => `${scheme}://host.part/path`),
  "microsoft.windows.camera:/x",
  "microsoft.windows.camera://a.b/x",
  "z39.50r://host/x",
];

/** Of the schemes of editors, what does more than to bring an answer back. */
const EDITORS = [
  "cursor://anysphere.cursor-deeplink/mcp/install?name=x&config=e30",
  "vscode://vscode.git/clone?url=https://evil.example/x",
  "vscode://file/etc/passwd",
  "vscode://vscode-remote/ssh-remote+evil.example/x",
  "vscode:mcp/install",
  "cursor://",
  "cursor:///path",
  "cursor://part/cb",
  "cursor://a.b:80/cb",
  "cursor://user@a.b/cb",
  "cursor://a.b?x",
];

/** The same text as attackers write it, hoping that a parser repairs it. */
function disguises(uri: string): string[] {
  const [scheme = "", ...rest] = uri.split(":");
  const tail = rest.join(":");
  const inside = (between: string) => `${scheme.slice(0, 3)}${between}${scheme.slice(3)}:${tail}`;
  return [
    uri,
    uri.toUpperCase(),
    `${scheme.charAt(0).toUpperCase()}${scheme.slice(1)}:${tail}`,
    ...[
      "\t",
      "\n",
      "\r",
      "\r\n",
      "\0",
      "\u00AD",
      "\u200B",
      "\uFEFF",
      "%09",
      "%00",
      "&#9;",
      "&Tab;",
      "\\",
    ].map(inside),
    ...[
      " ",
      "\t",
      "\n",
      "\x01",
      "\x1F",
      "\u00A0",
      "\u200B",
      "\uFEFF",
      "\\",
      "/",
      "//",
      "%20",
      "%09",
    ].map((lead) => lead + uri),
    `${uri} `,
    `${uri}\n`,
    `${scheme} :${tail}`,
    `${scheme}\t:${tail}`,
    `${scheme}%3A${tail}`,
    `${scheme}&colon;${tail}`,
    `${scheme}\uFF1A${tail}`,
    `%6A${uri.slice(1)}`,
    `\\u006A${uri.slice(1)}`,
  ];
}

const FORGED = [
  "",
  " ",
  "/cb",
  "//evil.example",
  "///evil.example",
  "\\\\evil.example",
  "cb",
  "?x",
  "https:",
  "https:/",
  "https://",
  "https:///cb",
  "https:/evil.example/cb",
  "https:evil.example",
  "https://good.example@evil.example",
  "https://good.example:443@evil.example/",
  "https://:secret@evil.example/",
  "https://@evil.example/",
  "https://good.example\\@evil.example",
  "https://good.example\\.evil.example",
  "https://good.example%2f@evil.example",
  "https://good%2eexample/cb",
  "https://g\u043E\u043Ed.example/cb",
  "https://good.example/cb#fragment",
  "https://good.example/cb#",
  "https://good.example /cb",
  "https://good.example/c b",
  "https://good.example/\r\nLocation:x",
  "https://good.example/\u202Ebc",
  'https://good.example/"onload=x',
  "https://good.example/<script>",
  "https://good.example/%",
  "https://good.example/%zz",
  "https://good.example:99999/cb",
  "https://good.example:80a/cb",
  "https://*.example/cb",
  "https://{host}/cb",
  "https://[::1]@evil.example/",
  "https://[::g]/",
];

const NOT_LOOPBACK = [
  "http://client.example/cb",
  "http://127.0.0.1.evil.example/",
  "http://localhost.evil.example/",
  "http://localhost@evil.example/",
  "http://localhost:80@evil.example/",
  "http://127.0.0.1:80@evil.example/",
  "http://[::1]@evil.example/",
  "http://[::1].evil.example/",
  "http://[::1]evil.example/",
  "http://evil.example/localhost",
  "http://evil.example?localhost",
  "http://evil.example?.127.0.0.1",
  "http://evil.example:3000?http://localhost",
  "http://localhost\\.evil.example/",
  "http://localhost\\@evil.example/",
  "http://localhost%2eevil.example/",
  "http://localhost.:3000/",
  "http://sub.localhost/",
  "http://localhos\u0074\u200B/",
  "http://\u24DBocalhost/",
  "http://127.1/",
  "http://127.0.0.2/",
  "http://0/",
  "http://0.0.0.0/",
  "http://2130706433/",
  "http://0x7f000001/",
  "http://0177.0.0.1/",
  "http://[::ffff:127.0.0.1]/",
  "http://[0:0:0:0:0:0:0:1]/",
  "http://[::]/",
  "http://192.168.0.1/cb",
  "http://10.0.0.1/cb",
  "http://169.254.169.254/",
  "http:localhost/cb",
  "http:/localhost/cb",
  "http:///localhost/cb",
  "http://localhost:99999/",
  "http://localhost:x/",
  "http://localhost#x",
];

const NOT_PRIVATE = [
  "myapp:cb",
  "myapp:/cb",
  "myapp:///cb",
  "myapp://",
  "a://b/c",
  "com.example.app:cb",
  ".com:/x",
  "a..b:/x",
  "1a.b:/x",
  "com.example:opaque",
];

describe("checkRedirectUri", () => {
  it.each([...HTTPS, ...NATIVE])("takes %s", (uri) => {
    expect(checkRedirectUri(uri)).toEqual({ ok: true, value: undefined });
  });

  it.each(DANGEROUS)("refuses %s however it is disguised", (uri) => {
    for (const disguised of disguises(uri))
      expect([disguised, checkRedirectUri(disguised).ok]).toEqual([disguised, false]);
  });

  it.each([...FORGED, ...NOT_LOOPBACK, ...NOT_PRIVATE, ...EDITORS])("refuses %j", (uri) => {
    expect(checkRedirectUri(uri).ok).toBe(false);
  });

  it("takes 2,000 characters and refuses 2,001", () => {
    const rest = 2_000 - "https://client.example/".length;
    expect(checkRedirectUri(`https://client.example/${"a".repeat(rest)}`).ok).toBe(true);
    expect(checkRedirectUri(`https://client.example/${"a".repeat(rest + 1)}`).ok).toBe(false);
  });

  it("tells developers why, in ASCII that an error_description may hold", () => {
    for (const uri of [...FORGED, ...DANGEROUS, ...NOT_LOOPBACK]) {
      const checked = checkRedirectUri(uri);
      expect(checked.ok ? "" : checked.error).toMatch(/^[ !#-[\]-~]+$/);
    }
  });
});

function clientOf(...redirectUris: string[]): Client {
  const rest = { metadataHost: undefined, grantTypes: [], auth: { method: "none" } } as const;
  return {
    id: "c",
    key: "c",
    name: "C",
    redirectUris,
    ...rest,
    scopes: undefined,
    defaultScopes: undefined,
  };
}

describe("matchRedirectUri", () => {
  it.each([
    ["https://client.example/cb", "https://client.example/cb"],
    ["http://127.0.0.1/cb", "http://127.0.0.1:51004/cb"],
    ["http://127.0.0.1:3000/cb", "http://127.0.0.1/cb"],
    ["http://localhost:1/cb?x=1", "http://localhost:2/cb?x=1"],
    ["http://[::1]/cb", "http://[::1]:9/cb"],
    ["http://localhost", "http://localhost:9"],
    ["com.example.app:/cb", "com.example.app:/cb"],
  ])("%s lets %s pass", (registered, asked) => {
    expect(matchRedirectUri(clientOf("https://other.example/", registered), asked)).toEqual({
      ok: true,
      value: asked,
    });
  });

  it.each([
    ["https://client.example/cb", "https://client.example/cb/"],
    ["https://client.example/cb", "https://client.example/CB"],
    ["https://client.example/cb", "https://CLIENT.example/cb"],
    ["https://client.example/cb", "https://client.example:443/cb"],
    ["https://client.example/cb", "https://client.example/cb?x=1"],
    ["https://client.example/cb", "https://client.example/cb#"],
    ["https://client.example/cb", "https://client.example/x/../cb"],
    ["https://client.example/cb", "https://client.example/c%62"],
    ["https://client.example/cb", "https://client.example/cb\n"],
    ["https://client.example/cb", " https://client.example/cb"],
    ["https://client.example/cb", "http://client.example/cb"],
    ["https://client.example/cb", "https://client.example.evil.example/cb"],
    ["https://client.example/cb", "https://client.example@evil.example/cb"],
    ["https://client.example", "https://client.example.evil.example"],
    ["https://localhost:1/cb", "https://localhost:2/cb"],
    ["http://localhost/cb", "https://localhost/cb"],
    ["http://localhost/cb", "http://127.0.0.1/cb"],
    ["http://127.0.0.1/cb", "http://localhost/cb"],
    ["http://127.0.0.1/cb", "http://[::1]/cb"],
    ["http://localhost/cb", "http://localhost:3000/other"],
    ["http://localhost/cb", "http://localhost:3000/cb?x=1"],
    ["http://localhost/cb", "http://localhost:99999/cb"],
    ["http://localhost/cb", "http://localhost:3000@evil.example/cb"],
    ["http://localhost/cb", "http://localhost:3000.evil.example/cb"],
    ["http://localhost/cb", "http://localhost.evil.example/cb"],
    ["http://localhost", "http://localhost:1@evil.example"],
    ["com.example.app:/cb", "com.example.app:/other"],
    ["com.example.app:/cb", "COM.example.app:/cb"],
    ["javascript:alert(1)", "javascript:alert(1)"],
  ])("%s does not let %j pass", (registered, asked) => {
    expect(matchRedirectUri(clientOf(registered), asked)).toMatchObject({
      ok: false,
      error: { error: "invalid_request", reason: "redirect.unknown" },
    });
  });

  it("may be left out when there is exactly one", () => {
    expect(matchRedirectUri(clientOf("https://client.example/cb"), undefined)).toMatchObject({
      ok: true,
    });
    for (const several of [[], ["https://a.example/", "https://b.example/"]])
      expect(matchRedirectUri(clientOf(...several), undefined)).toMatchObject({
        ok: false,
        error: { reason: "redirect.absent" },
      });
  });
});
