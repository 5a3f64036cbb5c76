// A record that cannot be taken: the terminal says so once, and the view goes on.
import { expect, it } from "vitest";
import type { BundleEvent, ServiceFunction } from "../../../src/cli/watched-env.ts";
import { openWireView } from "../../../src/cli/wire-view/wire-view.ts";

const BUNDLE = { type: "esm", path: "/nowhere/index.js", entrypointSource: "", modules: [] };
const EVENT = { type: "bundleComplete", config: {}, bundle: BUNDLE } as unknown as BundleEvent;

it("what is thrown for a record is logged once, without its secrets, and the next record is taken", async () => {
  const lost: string[] = [];
  let isBroken = true;
  const alter = await openWireView({
    port: 8787,
    key: "k",
    tokenCommand: "",
    onLost: (text) => lost.push(text),
    knownSecrets() {
      if (isBroken) throw new ReferenceError("gone: token=s3cr3t");
      return [];
    },
  });
  // Each save makes another bundle of the same program.
  const send = recordsOf(alter(EVENT));
  const sendAfterSave = recordsOf(alter(EVENT));
  for (const each of [send, send, sendAfterSave])
    expect((await each(recordOf("/lost"))).status).toBe(204);
  expect(lost).toEqual([
    "/wire lost what it was to record, and says so once: ReferenceError: gone: token=[redacted:TOKEN]",
  ]);
  isBroken = false;
  await sendAfterSave(recordOf("/kept"));
  const headers = { host: "localhost", "content-type": "application/json", "wire-view-key": "k" };
  const request = new Request("http://localhost/wire/records", {
    method: "POST",
    headers,
    body: "{}",
  });
  const view = bindingOf(alter(EVENT), "WIRE_VIEW");
  expect(await (await view(request)).json()).toMatchObject({ entries: [{ title: "/kept" }] });
});

function recordOf(path: string): Request {
  const record = { what: "request", bundle: "1", exchange: path, method: "GET", headers: [] };
  const body = JSON.stringify({ ...record, url: `http://localhost${path}` });
  return new Request("http://wire.invalid/", { method: "POST", body });
}

function recordsOf(event: BundleEvent): ServiceFunction {
  return bindingOf(event, "WIRE_RECORDS");
}

function bindingOf({ config }: BundleEvent, name: string): ServiceFunction {
  const bindings = config["bindings"] as Readonly<Record<string, { fetcher: ServiceFunction }>>;
  const binding = bindings[name];
  if (binding === undefined) throw new Error(`No binding ${name}`);
  return binding.fetcher;
}
