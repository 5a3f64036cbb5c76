// The second runner with tokens, against a server that asks for one and opens sessions.
import { afterEach, describe, expect, test } from "vitest";
import { audit, serve, stopAll } from "./audited.node.ts";
import type { Json } from "./format.ts";

afterEach(stopAll);

describe("tokens", () => {
  /** Asks for a token, and binds each session to the token that opened it. */
  async function serveSessions(isBound: boolean): Promise<{ url: string; seen: Set<string> }> {
    const seen = new Set<string>();
    const owners = new Map<string, string>();
    const origin = await serve(({ method, path, headers, body }, response) => {
      const token = headers.authorization ?? "";
      seen.add(`${path} ${token}`);
      const session = String(headers["mcp-session-id"] ?? "");
      const { id, method: name } = JSON.parse(body || "{}") as { id?: Json; method?: string };
      const owner = owners.get(session);
      const isForeign = isBound && session !== "" && owner !== token;
      if (!["Bearer one", "Bearer two"].includes(token)) return response.writeHead(401).end();
      if (isForeign) return response.writeHead(404).end();
      if (method === "DELETE") return response.writeHead(204).end();
      if (method !== "POST") return response.writeHead(405).end();
      if (id === undefined) return response.writeHead(202).end();
      const opened = `s${owners.size}`;
      if (name === "initialize") owners.set(opened, token);
      const serverInfo = { name: "fake", version: "1" };
      const result = { protocolVersion: "2025-11-25", capabilities: {}, serverInfo };
      return response
        .writeHead(200, {
          "Content-Type": "application/json",
          ...(name === "initialize" && { "Mcp-Session-Id": opened }),
        })
        .end(JSON.stringify({ jsonrpc: "2.0", id, result: name === "initialize" ? result : {} }));
    });
    return { url: `${origin}/mcp`, seen };
  }
  const args = ["--only", "session.bound", "--mode", "plain", "--revision", "2025-11-25"];

  test("one goes with every request, and is not enough for two callers", async () => {
    const { url, seen } = await serveSessions(true);
    const { out } = await audit([url, ...args], { TOKEN: "one" });
    expect(out).toContain("(it needs two callers: TOKEN= and TOKEN2=)");
    expect([...seen]).toContain("/mcp Bearer one");
    const open = await audit([url, "--only", "lifecycle.ping", "--mode", "plain"], {
      TOKEN: "one",
    });
    expect(open.out).toMatch(/^pass +MUST +session\.ping /mu);
  });

  test("two are two callers", async () => {
    const tokens = { TOKEN: "one", TOKEN2: "two" };
    const right = await serveSessions(true);
    expect((await audit([right.url, ...args], tokens)).out).toMatch(
      /^pass +MUST NOT +session\.bound /mu,
    );
    const wrong = await serveSessions(false);
    expect((await audit([wrong.url, ...args], tokens)).out).toMatch(
      /^fail +MUST NOT +session\.bound /mu,
    );
  });

  test.each(["TOKEN", "TOKEN2"])(
    "%s that is no token is refused, and not repeated",
    async (name) => {
      for (const token of ["s3cret\nhalf", "s3cret half", "s3cret\u00e9", "s3cret\r"]) {
        const { code, out } = await audit(["https://mcp.example.com"], {
          TOKEN: "one",
          [name]: token,
        });
        expect(code).toBe(1);
        expect(out).toMatch(/^TOKEN and TOKEN2 hold a token alone: .*\n$/u);
      }
    },
  );

  test("none is said to be missing", async () => {
    const { url } = await serveSessions(true);
    const { out } = await audit([url, ...args]);
    expect(out).toContain("It asks for a token, and nobody can sign in");
  });
});
