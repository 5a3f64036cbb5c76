/** The doctor in this process, against servers of the tests, and the clients that it knows. */

import { serveFaulty, TOKEN, type Fault } from "./faulty-server.node.ts";

export const ALL = ["claude-ai", "chatgpt", "vs-code", "mcp-remote", "sdk", "browser"];
/** Clients that speak sessions alone. */
export const SESSIONS: readonly string[] = ALL.filter((id) => id !== "sdk");
/** Clients that have no metadata document, and register themselves in any case. */
export const OWN = ["mcp-remote", "sdk", "browser"];
/** That these clients stop at this step. */
export const at = (step: string, clients: readonly string[]): Record<string, string> =>
  Object.fromEntries(clients.map((id) => [id, step]));

/** What the doctor found: where each client stops, and all that was printed. */
export interface Examined {
  readonly stops: Readonly<Record<string, string>>;
  readonly lines: string;
}

interface Run {
  readonly attempts: readonly {
    readonly client: { readonly id: string };
    readonly stop?: { readonly step: string };
  }[];
}
type Settings = Readonly<Record<string, unknown>>;

// Plain JavaScript without types: named by an address, so that nothing infers them.
const load = async (file: string): Promise<unknown> =>
  await import(new URL(`../../spec/runner/doctor/${file}`, import.meta.url).href);
const { examine } = (await load("examine.mjs")) as {
  examine: (settings: Settings) => Promise<Run>;
};
export interface Client {
  readonly id: string;
  readonly from: Readonly<Record<string, string>>;
  readonly [habit: string]: unknown;
}
export const { CLIENTS } = (await load("clients.mjs")) as { CLIENTS: readonly Client[] };
export const { addressFault } = (await load("address.mjs")) as {
  addressFault: (client: Client, url: URL) => { what: string; habit: string } | undefined;
};
export const { ask } = (await load("ask.mjs")) as {
  ask: (run: Settings, address: string, request?: Settings) => Promise<{ failure?: string }>;
};

/** Examines the server at `url` in this process. */
export async function examineAt(url: string, settings: Settings = {}): Promise<Examined> {
  const lines: string[] = [];
  const run = await examine({
    url: new URL(url),
    clients: CLIENTS,
    seconds: 20,
    print: (line: string) => lines.push(line),
    ...settings,
  });
  const stops = run.attempts.flatMap(({ client, stop }) =>
    stop === undefined ? [] : [[client.id, stop.step] as const],
  );
  return { stops: Object.fromEntries(stops), lines: lines.join("\n") };
}

/** Examines a server with this fault, with a token, so that every step is seen. */
export async function examineFault(fault: Fault = {}): Promise<Examined> {
  const { url } = await serveFaulty(fault);
  return await examineAt(url, { token: TOKEN });
}
