/**
 * Who may call which tool: a tool may need scopes, and a broader scope includes the narrower ones that it implies.
 * MCP basic/authorization#scope-challenge-handling. Pure. Leaves the challenge itself to the MCP endpoint.
 * On a server that asks nobody who they are, everybody may call everything.
 */

import { ANONYMOUS, type Caller } from "../base/caller.ts";
import { listContentsOf, toolEntry, type ListContents, type Server } from "./registry.ts";
import type { Scopes, Tool } from "./define.ts";
import type { RequestTarget } from "./request-target.ts";

const NO_SCOPES: readonly string[] = [];

/**
 * What a challenge names: all scopes of every tool among `targets` that the caller may not call. None where the caller may, and
 * where no tool is called.
 */
export function missingScopes(
  server: Server,
  caller: Caller,
  targets: readonly RequestTarget[],
): readonly string[] {
  if (!server.hasRestrictedTools) return NO_SCOPES;
  const needed = targets.flatMap(({ tool }) =>
    tool === undefined || mayCall(server, caller, tool) ? NO_SCOPES : tool.scopes,
  );
  return [...new Set(needed)];
}

// spec: tools.access.controlled
export function mayCall({ scopes }: Server, caller: Caller, tool: Tool): boolean {
  if (tool.scopes.length === 0 || isAnonymous(caller)) return true;
  const held = expandScopes(scopes, caller.scopes);
  return tool.scopes.every((scope) => held.has(scope));
}

/** The list as this caller may see it: the same object wherever everybody sees the same. */
export function listForCaller(server: Server, caller: Caller, list: ListContents): ListContents {
  if (list.member !== "tools" || !server.hasRestrictedTools || isAnonymous(caller)) return list;
  return listContentsOf(
    "tools",
    new Map([...server.tools].filter(([, tool]) => mayCall(server, caller, tool))),
    toolEntry,
  );
}

// spec: bearer.scope.hierarchy
/** `held` and all that they imply. A scope that was never declared implies nothing. */
export function expandScopes(scopes: Scopes, held: readonly string[]): ReadonlySet<string> {
  const expanded = new Set(held);
  // The walk comes to what is added on the way, and to nothing twice.
  for (const scope of expanded)
    for (const implied of scopes[scope]?.implies ?? []) expanded.add(implied);
  return expanded;
}

/** What a client gets that asks for no scope, and is told to ask for when it has no token. */
export function defaultScopes(scopes: Scopes): string[] {
  return Object.keys(scopes).filter((name) => scopes[name]?.isDefault !== false);
}

/** Callers that crossed into an object are copies: only their words can be compared. */
function isAnonymous({ issuer }: Caller): boolean {
  return issuer === ANONYMOUS.issuer;
}
