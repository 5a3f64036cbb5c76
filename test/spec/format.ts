/**
 * The shapes of the files under spec/, as its README describes them.
 * spec/schema/ checks them; here they only have names.
 */

export type Json = null | boolean | number | string | Json[] | JsonObject;
export type JsonObject = { [name: string]: Json };

export type Requirement = {
  id: string;
  level: string;
  side: string;
  since: string;
  until?: string;
  source: string;
  also?: string[];
  text: string;
  excluded?: { reason: string; test?: { file: string; name: string } };
};

export type Check = {
  about?: string;
  needs?: string[];
  proves?: string[];
  status?: Json;
  headers?: JsonObject;
  body?: Json;
  json?: Json;
  form?: Json;
  location?: Json;
  reply?: Json;
  messages?: Json;
  events?: Json;
  comments?: Json;
  ended?: boolean;
  took?: Json;
};

/** `null` removes what a template has, a list repeats the parameter. */
export type Params = { [name: string]: string | string[] | null };

export type Req = {
  use?: string;
  stream?: string;
  as?: string;
  jar?: string;
  basic?: [user: string, password: string];
  submit?: string;
  method?: string;
  path?: string;
  query?: Params;
  headers?: { [name: string]: string | string[] | null };
  form?: Params;
  body?: Json;
  raw?: string | (string | { text: string; times: number })[];
  bytes?: string;
  chunked?: number;
};

export type Read = { stream: string; count?: number; end?: true; wait?: number; within?: number };

export type Step = {
  about?: string;
  send?: Req;
  open?: Req;
  read?: Read;
  close?: string;
  evict?: true;
  advance?: number;
  play?: string;
  until?: Check;
  within?: number;
  expect?: Check[];
};

export type Mode = "plain" | "sse" | "bytes" | "evicted" | "all";
export const MODES: readonly Mode[] = ["plain", "sse", "bytes", "evicted", "all"];

export type Exchange = {
  id: string;
  about: string;
  since: string;
  until?: string;
  world?: "guarded";
  needs?: string[];
  modes?: Mode[];
  steps: Step[];
};

export type Templates = { [name: string]: Req | Step[] };

export type Vectors = {
  function: string;
  about: string;
  cases: { name: string; input: Json; output?: Json; refused?: string; proves?: string[] }[];
};

export type Item = { takes?: string; does: string; since?: string; until?: string };
export type World = { about: string; guarded: string } & {
  [kind in WorldKind]: { [name: string]: Item };
};
export type WorldKind = "tools" | "prompts" | "resources" | "templates" | "clients" | "choices";

/** True when `revision` lies between the two ends, both included. */
export function holdsIn(revision: string, bounds: { since?: string; until?: string }): boolean {
  return (
    revision >= (bounds.since ?? "") && (bounds.until === undefined || revision <= bounds.until)
  );
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
