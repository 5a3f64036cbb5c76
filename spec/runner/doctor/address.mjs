/** Step 1: what can be said of an address before anything is sent to it. */

import { isLocal, isPrivate } from "./ask.mjs";
import { begin, namesOf, note, ok, shown, stopEach } from "./examination.mjs";

/** Judges the address as it was typed. */
export function examineAddress(run) {
  const { url, attempts } = run;
  begin(run, "address");
  const far = attempts.filter(({ client }) => client.place === "cloud");
  ok(run, `${shown(url.href)}${isLocal(url) ? ", on this machine" : ""}`);
  if (isLocal(url) && far.length > 0) {
    for (const attempt of far) attempt.isUnreached = true;
    note(
      run,
      `${namesOf(far)} connect from the internet, and cannot reach this machine. They are judged as if it were deployed.`,
      "deploy it, or serve it through a tunnel, and examine that address.",
    );
  }
  if (url.pathname === "/")
    note(run, "The address has no path. Many servers have their endpoint at /mcp.");
  else if (url.pathname.endsWith("/"))
    note(run, "The address ends with a slash: the `resource` of the metadata must do so as well.");
  if (url.hash) note(run, "What stands behind the # is not sent.");
  stopEach(run, attempts, ({ client }) => addressFault(client, url));
}

/** What a client has against an address: pure, and of the words that were typed alone. */
export function addressFault(client, url) {
  const isCloud = client.place === "cloud";
  if (isCloud && isPrivate(url))
    return {
      what: `It connects from the internet, and ${url.hostname} lies in a private network.`,
      change: "give the server a public name.",
      habit: "https",
    };
  const isHere = isCloud ? isLocal(url) : ["localhost", "127.0.0.1"].includes(url.hostname);
  if (url.protocol !== "https:" && client.https && !isHere)
    return {
      what: "The address is http, and it connects over https only.",
      change: "serve https, and give the https address.",
      habit: "https",
    };
  if (client.port && url.port !== "" && !isHere)
    return {
      what: `The address has port ${url.port}, and it connects to port ${client.port} only.`,
      change: `serve it on port ${client.port}, for example behind a reverse proxy.`,
      habit: "port",
    };
  const secret = client.badQuery?.find((name) => url.searchParams.has(name));
  if (secret !== undefined)
    return {
      what: `The address holds a credential, ?${secret}=…, which it does not support.`,
      change: "take the credential out of the address, and ask for a token (OAuth) instead.",
      habit: "badQuery",
    };
  return undefined;
}
