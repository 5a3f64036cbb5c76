/**
 * What the doctor is told: the flags of the program, and from the environment the token, which no list of processes shows.
 * Refuses what it cannot use, in a sentence.
 */

import { parseArgs } from "node:util";
import { CLIENTS } from "./clients.mjs";

const EXAMPLE = "make doctor URL=https://mcp.example.com/mcp";
/** How long an examination may take when nobody says: a server may answer each request as late as it can. */
const MOST_SECONDS = 300;

/** @throws a sentence for people. */
export function readSettings(args, env) {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { only: { type: "string" }, json: { type: "string" }, seconds: { type: "string" } },
  });
  const [address = ""] = positionals;
  if (address === "") throw new Error(`Which server? Name it: ${EXAMPLE}`);
  if (!URL.canParse(address) || !/^https?:$/u.test(new URL(address).protocol))
    throw new Error(`"${address}" is no address: ${EXAMPLE}`);
  const url = new URL(address);
  if (url.username || url.password)
    throw new Error("The address holds a name or a password: give a token instead, TOKEN=…");
  const seconds = Number(values.seconds || MOST_SECONDS);
  if (!(seconds > 0)) throw new Error(`SECONDS is ${values.seconds}: give a number over 0`);
  const token = env.TOKEN || undefined;
  if (token !== undefined && !/^[\w.~+/-]+=*$/u.test(token))
    throw new Error("TOKEN is no bearer token: it has signs that no header may have");
  return { url, seconds, token, json: values.json || undefined, clients: chosen(values.only) };
}

function chosen(only = "") {
  if (only === "") return CLIENTS;
  const ids = only.split(",").map((one) => one.trim());
  const unknown = ids.find((id) => !CLIENTS.some((client) => client.id === id));
  if (unknown !== undefined)
    throw new Error(
      `ONLY is ${only}: there is no ${unknown}. There are ${CLIENTS.map(({ id }) => id).join(", ")}`,
    );
  return CLIENTS.filter(({ id }) => ids.includes(id));
}
