/**
 * Runs in the Worker of `make dev`, around the classes of its Durable Objects: sends a record of each object that is
 * constructed, and of each call that it gets. The calls themselves stay as they are.
 */

import { running, sender } from "./recorder.mjs";

/**
 * @typedef {import("./recorder.mjs").Running} Running
 * @typedef {import("./recorder.mjs").Send} Send
 * @typedef {import("./recorder.mjs").ViewEnv} ViewEnv
 * @typedef {(this: object, ...args: unknown[]) => unknown} Method
 * @typedef {import("./recorder.mjs").Context & { id: unknown }} ObjectContext
 * @typedef {new (context: ObjectContext, env: ViewEnv) => object} ObjectClass
 */

/**
 * A class of Durable Objects, watched: when one is constructed, and each call that comes from outside.
 * @param {ObjectClass} original
 * @param {string} name
 * @param {string} bundle
 * @returns {ObjectClass}
 */
export function watchObject(original, name, bundle) {
  if (typeof original !== "function") return original;
  /** @type {(context: ObjectContext, env: ViewEnv) => object} */
  function Watched(context, env) {
    const start = Date.now();
    /** @type {Running} */
    const current = { kept: new Set() };
    const target = new.target ?? original;
    const made = running.run(current, () => construct(original, context, env, target));
    const send = sender(env, context, { bundle, object: name, objectId: String(context.id) });
    send({ what: "woke", at: start, ms: Date.now() - start, marks: [...current.kept] });
    senders.set(made, send);
    return made;
  }
  Object.setPrototypeOf(Watched, original);
  const prototype = /** @type {object} */ (Object.create(prototypeOf(original)));
  define(prototype, "constructor", Watched);
  for (const [method, value] of methodsOf(original))
    define(prototype, method, watchedMethod(method, value));
  Watched.prototype = prototype;
  return /** @type {ObjectClass} */ (/** @type {unknown} */ (Watched));
}

/** @type {WeakMap<object, Send>} */
const senders = new WeakMap();

/** @type {(original: ObjectClass, context: ObjectContext, env: ViewEnv, target: Function) => object} */
function construct(original, context, env, target) {
  return /** @type {object} */ (Reflect.construct(original, [context, env], target));
}

/** @type {(on: object, name: string, value: unknown) => void} */
function define(on, name, value) {
  Object.defineProperty(on, name, { configurable: true, writable: true, value });
}

/** @type {(constructor: Function) => object | null} */
function prototypeOf(constructor) {
  return /** @type {object | null} */ (constructor.prototype);
}

/**
 * The methods that can be called from outside: those between a class and DurableObject.
 * @param {Function} original
 * @returns {Map<string, Method>}
 */
function methodsOf(original) {
  /** @type {Map<string, Method>} */
  const found = new Map();
  let prototype = prototypeOf(original);
  while (prototype !== null && prototype !== Object.prototype) {
    if (prototype.constructor.name === "DurableObject") break;
    for (const [name, property] of Object.entries(Object.getOwnPropertyDescriptors(prototype))) {
      const value = /** @type {unknown} */ (property.value);
      if (name === "constructor" || typeof value !== "function" || found.has(name)) continue;
      found.set(name, /** @type {Method} */ (value));
    }
    prototype = /** @type {object | null} */ (Object.getPrototypeOf(prototype));
  }
  return found;
}

/**
 * `method` as it was, but that a call from outside is recorded: one that the object makes itself is part of another.
 * @type {(name: string, method: Method) => Method}
 */
function watchedMethod(name, method) {
  return function watched(/** @type {unknown[]} */ ...args) {
    const send = senders.get(this);
    if (send === undefined || running.getStore()?.object === this) return method.apply(this, args);
    const start = Date.now();
    /** @type {Running} */
    const current = { kept: new Set(), object: this };
    const end = (/** @type {object} */ more = {}) =>
      send({
        what: "called",
        at: start,
        method: name,
        ms: Date.now() - start,
        marks: [...current.kept],
        ...more,
      });
    const failed = (/** @type {unknown} */ error) => end({ threw: String(error) });
    /** @type {unknown} */
    let result;
    try {
      result = running.run(current, () => method.apply(this, args));
    } catch (error) {
      failed(error);
      throw error;
    }
    if (result instanceof Promise) result.then(() => end(), failed);
    else end();
    return result;
  };
}
