/** The parts of this repository that a fork can take out, and the rows of the table that `make parts` prints. */

import { existsSync } from "node:fs";
import { join } from "node:path";

export interface Part {
  readonly name: string;
  /** What is deleted. */
  readonly paths: readonly string[];
  /** Bindings of wrangler.toml that only it needs. */
  readonly bindings?: readonly string[];
}

/** The example: what a fork deletes first, to put its own app in its place. */
export const EXAMPLE: Part = {
  name: "the example app",
  paths: ["src/app"],
  bindings: ["FEED", "USERS"],
};

const SIGN_IN: readonly Part[] = ["passphrase", "api-key", "openid"].map((name) => ({
  name: `sign-in by ${name}`,
  paths: [`src/oauth/sign-in/${name}.ts`],
}));

const SESSIONS: Part = {
  name: "sessions",
  paths: ["src/transport/session"],
  bindings: ["SESSION"],
};
const STORAGE: Part = { name: "storage", paths: ["src/storage"], bindings: ["STORE"] };
const VAULT: Part = { name: "vault", paths: ["src/vault"], bindings: ["VAULT"] };
const TELEMETRY: Part = { name: "telemetry", paths: ["src/telemetry"] };
const APPS: Part = { name: "apps", paths: ["src/extensions/apps"] };
const SKILLS: Part = { name: "skills", paths: ["src/extensions/skills", "src/app/skills.ts"] };
const SERVER_CARD: Part = {
  name: "the server card",
  paths: ["src/extensions/server-card", "src/app/card.ts"],
};
const TASKS: Part = {
  name: "tasks",
  paths: ["src/extensions/tasks"],
  bindings: ["TASK", "RUNNING_TASKS"],
};
const SUBSCRIPTIONS: Part = {
  name: "subscriptions",
  paths: ["src/transport/stateless/subscriptions.ts"],
};
const AUTHORIZATION_SERVER: Part = {
  name: "the authorization server",
  paths: [
    ...["authorization-server", "clients", "pages", "sign-in"].map(
      (folder) => `src/oauth/${folder}`,
    ),
    ...["identifiers", "lifetimes", "params", "settings"].map((name) => `src/oauth/${name}.ts`),
  ],
  bindings: ["GRANT", "ACCOUNT", "AUTH_LIMITER"],
};
const OAUTH: Part = { ...AUTHORIZATION_SERVER, name: "all of OAuth", paths: ["src/oauth"] };
/** Of no use to tools that are defined in JSON Schema. */
const ZOD: Part = { name: "zod", paths: ["src/server/zod.ts"] };
/** Sessions and subscriptions share the hub: it goes with both. */
const HUB: Part = { name: "hub", paths: ["src/hub"], bindings: ["HUB"] };

/** A row of the table: what is taken out together, and whether the revisions with sessions are still served. */
export interface Variant {
  readonly name: string;
  readonly parts: readonly Part[];
  readonly servesSessions: boolean;
}

const variant = (name: string, ...parts: readonly Part[]): Variant => ({
  name,
  parts,
  servesSessions: !parts.includes(SESSIONS),
});

/** What is named after parts that are in it. */
const SESSIONS_AND_OAUTH = "sessions and OAuth alone";

/** The whole; the minimal app in place of the example; that without each part; and without all of them. */
const ALL_VARIANTS: readonly Variant[] = [
  variant("everything"),
  variant("one tool in place of the example", EXAMPLE),
  ...[
    SESSIONS,
    SUBSCRIPTIONS,
    STORAGE,
    VAULT,
    TELEMETRY,
    SKILLS,
    SERVER_CARD,
    APPS,
    TASKS,
    AUTHORIZATION_SERVER,
    OAUTH,
    ...SIGN_IN,
  ].map((part) => variant(`without ${part.name}`, EXAMPLE, part)),
  variant(
    SESSIONS_AND_OAUTH,
    EXAMPLE,
    ZOD,
    STORAGE,
    VAULT,
    TELEMETRY,
    SKILLS,
    SERVER_CARD,
    APPS,
    TASKS,
    ...SIGN_IN.slice(1),
  ),
  variant(
    "one open tool, stateless",
    EXAMPLE,
    ZOD,
    SESSIONS,
    SUBSCRIPTIONS,
    STORAGE,
    VAULT,
    TELEMETRY,
    SKILLS,
    SERVER_CARD,
    APPS,
    TASKS,
    OAUTH,
    HUB,
  ),
];

/**
 * The rows of the table for the repository at `root`, without those of parts that it has no more. `gone`: the names of these.
 */
export function variantsOf(root: string): {
  readonly variants: readonly Variant[];
  readonly gone: readonly string[];
} {
  const isGone = ({ paths }: Part): boolean => paths.every((path) => !existsSync(join(root, path)));
  const parts = new Set(ALL_VARIANTS.flatMap((one) => one.parts));
  const hasBoth = !isGone(SESSIONS) && !isGone(AUTHORIZATION_SERVER);
  const variants = ALL_VARIANTS.filter(({ name, parts: [, ...removed] }) =>
    name === SESSIONS_AND_OAUTH ? hasBoth : removed.length !== 1 || !removed.some(isGone),
  );
  return {
    variants: variants.map((one) => ({
      ...one,
      servesSessions: one.servesSessions && !isGone(SESSIONS),
    })),
    gone: [...parts].filter(isGone).map(({ name }) => name),
  };
}
