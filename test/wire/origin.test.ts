// Who may reach the endpoint from a browser: an origin is one that is listed, character by character, or loopback.
import { describe, expect, it } from "vitest";
import { checkHostAndOrigin, withCors, type OriginPolicy } from "../../src/wire/origin.ts";

const POLICY: OriginPolicy = {
  allowedOrigins: ["https://mcp.example", "https://own.example", "https://ported.example:8443"],
  allowedHosts: ["mcp.example"],
};
const at = new URL("https://mcp.example/mcp");
const allows = (origin: string | null, policy: OriginPolicy = POLICY, url: URL = at): boolean =>
  checkHostAndOrigin(url.hostname, origin, policy).ok;

describe("an Origin", () => {
  it.each([
    null,
    "https://mcp.example",
    "https://own.example",
    "https://ported.example:8443",
    "http://localhost",
    "http://localhost:5173",
    "https://127.0.0.1:8080",
    "http://[::1]:3000",
    "tauri://localhost",
    "capacitor://localhost",
  ])("%s is allowed", (origin) => expect(allows(origin)).toBe(true));

  it.each([
    "https://own.example.evil",
    "https://own.example:8443",
    "https://own.example/",
    "https://own.exampl",
    "http://own.example",
    "https://OWN.example",
    "https://evil-own.example",
    "https://sub.own.example",
    "https://own.example@evil.example",
    "https://evil.example#https://own.example",
    "https://ported.example",
    "https://ported.example:84430",
    "http://localhost.evil",
    "http://127.0.0.1.evil",
    "http://127.0.0.2",
    "http://[::1].evil",
    "http://localhost@evil.example",
    "http://evil@localhost",
    "http://evil:secret@127.0.0.1:5173",
    "http://@localhost",
    "http://localhost/",
    "http://localhost/evil",
    "http://localhost?evil",
    "http://localhost#evil",
    "http://localhost:80",
    "http://localhost:",
    "http://LOCALHOST",
    "HTTP://localhost",
    "http:localhost",
    "http:\\\\localhost",
    "http://127.1",
    "http://0x7f000001",
    "http://[0:0:0:0:0:0:0:1]",
    "http://loc\talhost",
    " http://localhost",
    "ftp:/localhost",
    "blob:http://localhost",
    "tauri://evil@localhost",
    "null",
    "",
    "*",
  ])("%j is refused", (origin) => expect(allows(origin)).toBe(false));

  it("is allowed whatever it is only where * is listed", () => {
    expect(allows("https://evil.example", { ...POLICY, allowedOrigins: ["*"] })).toBe(true);
    expect(allows("https://evil.example", { ...POLICY, allowedOrigins: ["https://*"] })).toBe(
      false,
    );
    expect(allows("https://evil.example", { ...POLICY, allowedOrigins: ["*.example"] })).toBe(
      false,
    );
  });
});

describe("a Host", () => {
  const serves = (host: string): boolean => allows(null, POLICY, new URL(`http://${host}/mcp`));
  it.each(["mcp.example", "mcp.example:8443", "localhost:8787", "127.0.0.1", "[::1]:8787"])(
    "%s is served",
    (host) => expect(serves(host)).toBe(true),
  );
  it.each([
    "mcp.example.evil",
    "evil-mcp.example",
    "sub.mcp.example",
    "own.example",
    "localhost.evil",
    "127.0.0.2",
  ])("%s is refused", (host) => expect(serves(host)).toBe(false));
});

describe("an answer to another origin", () => {
  it("names it, and says that it differs from origin to origin", () => {
    const { headers } = withCors(
      new Response("x", { headers: { vary: "Accept" } }),
      "https://own.example",
    );
    expect(headers.get("access-control-allow-origin")).toBe("https://own.example");
    expect(headers.get("vary")?.split(/, */).toSorted()).toEqual(["Accept", "Origin"]);
  });
});
