/**
 * What the second runner learns of a server before it judges it: which revisions it speaks, whether it asks strangers for a
 * token, who can be a caller, and what it has of what exchanges need.
 */

import { isObject } from "./match.mjs";
import { holdsIn, revisions, templatesOf, world } from "./spec-files.mjs";
import { callersOf, played, walk } from "./walk.mjs";

/** The same server under its other name, where it runs on this machine. */
const OTHER_NAMES = { "127.0.0.1": "localhost", localhost: "127.0.0.1" };
const ANSWER_MS = 10_000;
const MOST_PAGES = 20;
const MOST_DEPTH = 4;

/** Why nobody answers at `url`, or undefined. */
export async function silenceOf(url) {
  try {
    const signal = AbortSignal.timeout(ANSWER_MS);
    const response = await fetch(url, { method: "OPTIONS", redirect: "manual", signal });
    await response.body?.cancel();
    return undefined;
  } catch (error) {
    return error.cause?.code ?? error.cause?.message ?? error.message;
  }
}

/**
 * Meets the server at `url`: resolves to what exchanges are walked against. `speaks` is the revisions it was heard to speak;
 * `revision` is the one that was asked for, else the newest that it speaks.
 */
export async function meet({ url, revision, tokens, deadline, choices }) {
  const other = OTHER_NAMES[url.hostname];
  const first = revision ?? revisions.at(-1);
  const server = {
    url,
    tokens,
    deadline,
    elsewhere: other && url.origin.replace(url.hostname, other),
    revision: first,
    templates: templatesOf(first),
    signsIn: false,
    choices,
    logins: {},
  };
  server.tokenFor = (walking, name) => tokenFor(server, walking, name);
  server.cannotSpeakFor = (exchange, steps) => cannotSpeakFor(server, exchange, steps);
  server.isGuarded = await isGuarded(server);
  server.signsIn = server.isGuarded && tokens.length === 0 && (await canSignIn(server));
  const hello = await agree(server, revision);
  server.has = await inventory(server, hello);
  return server;
}

/** Finds the revision to speak, and puts it into `server`; resolves to what the server says of itself in it. */
async function agree(server, wanted) {
  const answers = new Map();
  const speaks = new Set();
  const order = revisions.toReversed();
  for (const one of wanted ? [wanted, ...order.filter((other) => other !== wanted)] : order) {
    const { said, versions } = await hear(server, one);
    answers.set(one, said);
    for (const version of versions) speaks.add(version);
    if (speaks.has(wanted ?? one)) break;
  }
  server.speaks = [...speaks].toSorted((one, other) => one.localeCompare(other));
  const newest = order.find((one) => speaks.has(one));
  server.revision = wanted ?? newest ?? revisions.at(-1);
  server.templates = templatesOf(server.revision);
  return answers.get(server.revision);
}

/** What a server answers to the first request of a revision, and which revisions it names there. */
async function hear(server, revision) {
  const asked = { ...server, revision, templates: templatesOf(revision) };
  const send = { use: "@hello", ...(server.signsIn && { as: "auditor" }) };
  const expect = [
    { reply: { $save: "reply" } },
    { headers: { "Mcp-Session-Id": { $save: "id" } } },
  ];
  const { kept } = await walk({ steps: [{ send, expect }] }, { server: asked });
  const { result, error } = isObject(kept.reply) ? kept.reply : {};
  const named = [result?.protocolVersion, result?.supportedVersions, error?.data?.supported];
  const versions = named
    .flat()
    .filter((one) => typeof one === "string" && /^\d{4}-\d\d-\d\d$/u.test(one));
  // The header may also come where the revision has no sessions.
  const hasSession = kept.id !== undefined && asked.templates["@session"] !== undefined;
  return { said: { result, hasSession }, versions };
}

/** Whether strangers are told to sign in. */
async function isGuarded(server) {
  const steps = [
    { send: { use: "@hello" }, expect: [{ proves: ["bearer.required"], status: 401 }] },
  ];
  return (await walk({ world: "guarded", steps }, { server })).verdict === "pass";
}

/** Whether people sign in as spec/world.json says. */
async function canSignIn(server) {
  return (await logIn(server, "auditor")) !== undefined;
}

/** The token of a person who signs in, once a run; undefined when that cannot be done. */
async function logIn(server, person) {
  const steps = [{ play: "@grant" }];
  const able = { ...server, cannotSpeakFor: undefined };
  server.logins[person] ??= walk({ world: "guarded", steps }, { server: able, person }).then(
    ({ kept }) => (typeof kept.token === "string" ? kept.token : undefined),
  );
  return await server.logins[person];
}

/** The token that goes with a request: the caller's, or the one that was given where no exchange is about tokens. */
async function tokenFor(server, { exchange, steps }, name) {
  if (name === undefined) return exchange.world === "guarded" ? undefined : server.tokens[0];
  if (server.tokens.length > 0) return server.tokens[callersOf(steps).indexOf(name)];
  const token = await logIn(server, name);
  if (token === undefined) throw new Error(`${name} cannot sign in`);
  return token;
}

/** What only the authorization server of the world has: it is the resource's own, and its pages are known. */
const SIGN_IN = /"@issuer|oauth-authorization-server|\{\{origin\}\}\/(?:authorize|register|token)/u;

/** Why this runner cannot be the callers of an exchange, if it cannot. */
function cannotSpeakFor({ signsIn, tokens, templates }, exchange, steps) {
  const callers = callersOf(steps).length;
  if (exchange.world === "guarded" && !signsIn && usesSignIn(steps, templates))
    return "it needs the sign-in that spec/world.json describes";
  if (callers === 0 || signsIn || callers <= tokens.length) return undefined;
  return callers === 1 ? "it needs a caller: TOKEN=" : "it needs two callers: TOKEN= and TOKEN2=";
}

const usesSignIn = (steps, templates) =>
  steps.some((step) => {
    const request = step.send ?? step.open ?? {};
    const base = request.use ? templates[request.use] : {};
    return SIGN_IN.test(JSON.stringify([request, base])) || request.jar || base.jar;
  });

/** What the server has of what exchanges need: `tools/<name>`, `capabilities/<path>` and so on. */
async function inventory(server, hello) {
  const found = new Set([
    ...capabilitiesOf(hello?.result?.capabilities),
    ...(hello?.hasSession ? await sessionChoices(server) : []),
  ]);
  const lists = ["tools tools name", "prompts prompts name", "resources resources uri"];
  for (const line of [...lists, "resources/templates resourceTemplates uriTemplate"]) {
    const [method, member, name] = line.split(" ");
    const kind = method === "resources/templates" ? "templates" : method;
    for (const item of await list(server, method, member)) {
      found.add(kind);
      if (typeof item?.[name] === "string") found.add(`${kind}/${item[name]}`);
    }
  }
  // The people and the clients of the guarded world cannot be listed: who let the auditor in has them.
  if (server.signsIn) for (const name of Object.keys(world.clients)) found.add(`clients/${name}`);
  if (server.choices === "world" || isWorld(server, found))
    for (const name of Object.keys(world.choices)) found.add(`choices/${name}`);
  return found;
}

/** What a server with sessions shows of what it may choose there. */
async function sessionChoices(server) {
  const steps = [
    { play: "@session" },
    { open: { use: "@listen", stream: "get" }, expect: [{ status: { $save: "listened" } }] },
    { close: "get" },
    { send: { use: "@end" }, expect: [{ status: { $save: "ended" } }] },
  ];
  const { kept } = await walk({ steps: byAuditor(steps, server) }, { server });
  return [
    "choices/sessions",
    ...(kept.listened === 200 ? ["choices/get-stream"] : []),
    ...(kept.ended >= 200 && kept.ended < 300 ? ["choices/ends-sessions"] : []),
  ];
}

/** A server that has every tool of the world was made for it, and chose as it says. */
const isWorld = ({ revision }, found) =>
  Object.entries(world.tools)
    .filter(([, tool]) => holdsIn(revision, tool))
    .every(([name]) => found.has(`tools/${name}`));

/** The paths of the capabilities that are declared: what is false or null is not. */
function capabilitiesOf(value, path = "capabilities/", depth = 0) {
  if (!isObject(value) || depth > MOST_DEPTH) return [];
  return Object.entries(value).flatMap(([name, one]) => {
    if (one === null || one === false) return [];
    const here = `${path}${name}`;
    return [here, ...capabilitiesOf(one, `${here}.`, depth + 1)];
  });
}

/** The steps, in the name of whoever was let in. */
const byAuditor = (steps, { signsIn, templates }) =>
  signsIn
    ? played(steps, templates).map((step) => ({
        ...step,
        ...(step.send && { send: { ...step.send, as: "auditor" } }),
        ...(step.open && { open: { ...step.open, as: "auditor" } }),
      }))
    : steps;

/** All pages of a list; a list that the server does not have is empty. */
async function list(server, method, member) {
  const items = [];
  const session = server.templates["@session"] ? [{ play: "@session" }] : [];
  for (let cursor, page = 0; page === 0 || (cursor && page < MOST_PAGES); page += 1) {
    const result = {
      [member]: { $type: "array", $save: "items" },
      nextCursor: { $any: [{ $absent: true }, { $save: "next" }] },
    };
    const send = {
      use: "@request",
      body: { method: `${method}/list`, params: { cursor: cursor ?? null } },
    };
    const steps = [...session, { send, expect: [{ reply: { result } }] }];
    const { kept } = await walk({ steps: byAuditor(steps, server) }, { server });
    items.push(...(kept.items ?? []));
    cursor = kept.next;
  }
  return items;
}
