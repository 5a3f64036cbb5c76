/** What an examination ends with: a table of the clients, and the same for programs. */

import { writeFileSync } from "node:fs";

const NAME_WIDTH = 22;

/** The table client × where it stops, and what it rests on. */
export function tableLines({ attempts, steps, isGuarded, token, isTokenRefused }) {
  const wasCalled = !isGuarded || (token !== undefined && !isTokenRefused);
  const rows = attempts.map((attempt) => [
    attempt.client.name,
    outcomeOf(attempt, steps, wasCalled),
    attempt.client.basis,
  ]);
  const width = Math.max(...rows.map(([, outcome]) => outcome.length)) + 2;
  const stopped = attempts.filter(({ stop }) => stop !== undefined).length;
  return [
    "",
    ...rows.map(
      ([name, outcome, basis]) => name.padEnd(NAME_WIDTH) + outcome.padEnd(width) + basis,
    ),
    "",
    stopped === 0
      ? "Every client gets through, as far as could be seen."
      : `${stopped} of ${attempts.length} ${attempts.length === 1 ? "client" : "clients"} ${stopped === 1 ? "stops" : "stop"}. Mend the first step at which one does, and examine again.`,
  ];
}

function outcomeOf(attempt, steps, wasCalled) {
  const { client, stop, isUnreached } = attempt;
  if (stop !== undefined) {
    const later = steps
      .filter(({ number, problems }) =>
        problems.some(({ clients }) => number > stop.number && clients.includes(client.id)),
      )
      .map(({ number }) => number);
    const also = later.length > 0 ? `, then at ${later.join(", ")}` : "";
    return `stops at ${stop.number}${also}`;
  }
  const seen = wasCalled ? "ok" : "ok up to the token";
  return isUnreached ? `${seen}, once it is deployed` : seen;
}

/** Writes what was found as JSON. @throws a sentence when the file cannot be written. */
export function writeReport(path, run) {
  const { url, attempts, steps, isGuarded } = run;
  const report = {
    url: `${url.origin}${url.pathname}`,
    asksForToken: isGuarded === true,
    clients: attempts.map(({ client, stop, isUnreached }) => ({
      id: client.id,
      name: client.name,
      basis: client.basis,
      verdict: stop === undefined ? "ok" : "stops",
      ...(stop && { stopsAt: stop.step }),
      ...(isUnreached && { reachesIt: false }),
    })),
    steps,
  };
  try {
    writeFileSync(path, `${JSON.stringify(report, null, 2)}\n`);
  } catch (error) {
    throw new Error(`Cannot write ${path}: ${error.code}`);
  }
}
