/**
 * A value that must not be told. Written anywhere, as JSON, in a text or into a log line, it says "[secret]"; only
 * `reveal` gives it away, so that every use can be searched for. Types do not let one pass for a string.
 */

export interface Secret<T = string> {
  reveal(): T;
  toJSON(): string;
  toString(): string;
}

/** Wraps `value`, so that printing or serializing it shows nothing of it. */
export function secret<T>(value: T): Secret<T> {
  const masked = (): string => "[secret]";
  return { reveal: () => value, toJSON: masked, toString: masked };
}
