/**
 * Settings and bindings by name. Each part of the Worker reads its own; what is wrong is collected, so that one error
 * names all of it. An empty setting is as good as none. Never prints a value: it may be a secret.
 */

import { objectNamespace } from "./bindings.ts";

export interface Settings {
  /** What the platform passed: bindings, and variables that are not empty. */
  readonly env: unknown;
  /** The text of variable `name`; "" without one. */
  text(name: string): string;
  /** A whole number of at least `minimum`; `fallback` without one. */
  integer(name: string, minimum: number, fallback: number): number;
  /** An http or https URL; undefined without one. */
  url(name: string): URL | undefined;
  /** Whether `name` is "1". */
  isOn(name: string): boolean;
  /** The Durable Object namespace that must be bound as `name`. */
  objects<T extends Rpc.DurableObjectBranded>(name: string): DurableObjectNamespace<T>;
  /** Any other binding, such as a database; undefined where it is not bound. */
  binding<T>(name: string): T | undefined;
  /** Notes what is wrong: "NAME must be …". */
  reject(fault: string): void;
  /** @throws an Error that names everything that was wrong so far. */
  check(): void;
}

/** An empty setting is not there, so that its default counts. */
function withoutEmptySettings(env: unknown): unknown {
  return Object.fromEntries(Object.entries(env as object).filter(([, value]) => value !== ""));
}

/** The settings in `env`. Nothing is read before it is asked for. */
export function createSettings(env: unknown): Settings {
  const values = env as Readonly<Record<string, unknown>>;
  const faults: string[] = [];
  const text = (name: string): string => {
    const value = values[name] ?? "";
    // wrangler.toml may say 0 for "0": what is there must never be as good as nothing.
    if (typeof value === "number" || typeof value === "boolean") return String(value);
    if (typeof value === "string") return value;
    faults.push(`${name} must be a text`);
    return "";
  };
  return {
    env: withoutEmptySettings(env),
    text,
    integer(name, minimum, fallback) {
      const value = text(name);
      if (value === "") return fallback;
      if (/^\d{1,9}$/.test(value) && Number(value) >= minimum) return Number(value);
      faults.push(`${name} must be a whole number of at least ${minimum}`);
      return fallback;
    },
    url(name) {
      const value = text(name);
      if (value === "") return undefined;
      const url = URL.parse(value);
      if (url !== null && /^https?:$/.test(url.protocol)) return url;
      faults.push(`${name} must be an http or https URL`);
      return undefined;
    },
    isOn(name) {
      const value = text(name);
      if (!/^[01]?$/.test(value)) faults.push(`${name} must be "1", "0" or empty`);
      return value === "1";
    },
    objects<T extends Rpc.DurableObjectBranded>(name: string) {
      const namespace = objectNamespace<T>(env, name);
      if (namespace === undefined)
        faults.push(`${name} is not bound to a Durable Object in wrangler.toml`);
      // Nothing is asked of it where it is missing: `check` comes first.
      return namespace as DurableObjectNamespace<T>;
    },
    binding: <T>(name: string) => values[name] as T | undefined,
    reject: (fault) => {
      faults.push(fault);
    },
    check() {
      if (faults.length > 0) throw new Error(`Configuration: ${[...new Set(faults)].join("; ")}`);
    },
  };
}
