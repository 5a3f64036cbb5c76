/** What a body of JSON-RPC is about, in a few words. Any member of a message may be anything. */

/** `title`: such as "tools/call add_numbers #1"; empty of what is no JSON-RPC. `version`: the revision that it names. */
export interface MessageSummary {
  readonly title: string;
  readonly version: string;
}

/** Messages of a batch that a title names. */
const MOST_NAMED = 5;

/** Reads the text of a body, or the data of an event. */
export function summarizeMessages(text: string): MessageSummary {
  try {
    const parsed = JSON.parse(text) as unknown;
    const messages = (Array.isArray(parsed) ? parsed : [parsed]).map(membersOf);
    const params = membersOf(messages[0]?.["params"]);
    const meta = membersOf(params["_meta"]);
    const titles = messages.slice(0, MOST_NAMED).map(titleOf);
    return {
      title: titles.filter((title) => title !== "").join(", "),
      version:
        wordOf(meta["io.modelcontextprotocol/protocolVersion"]) ||
        wordOf(params["protocolVersion"]),
    };
  } catch {
    return { title: "", version: "" };
  }
}

type Members = Readonly<Record<string, unknown>>;

function membersOf(value: unknown): Members {
  return typeof value === "object" && value !== null ? (value as Members) : {};
}

function wordOf(value: unknown): string {
  return typeof value === "string" || typeof value === "number" ? String(value) : "";
}

function titleOf(message: Members): string {
  if (message["jsonrpc"] !== "2.0") return "";
  const id = wordOf(message["id"]);
  const of = id === "" ? "" : ` #${id}`;
  const method = wordOf(message["method"]);
  if (method === "") {
    const code = wordOf(membersOf(message["error"])["code"]);
    if (code !== "") return `error ${code}${of}`;
    return "result" in message ? `result${of}` : "";
  }
  const params = membersOf(message["params"]);
  const target = wordOf(params["name"]) || wordOf(params["uri"]);
  return `${method}${target === "" ? "" : ` ${target}`}${of}`;
}
