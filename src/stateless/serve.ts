/**
 * The stateless era: each POST is whole in itself. No session, no object, nothing remembered.
 * MCP transports/streamable-http, basic#_meta, versioning. Refuses in the order of the text, cheapest first.
 */

import type { Caller } from "../base/caller.ts";
import type { Cancellation } from "../base/cancellation.ts";
import { now } from "../base/clock.ts";
import { NO_MEMORY, refused, type Outcome, type Sink } from "../base/outcome.ts";
import { refusal, type Refusal } from "../base/refusal.ts";
import { err, ok, type Result } from "../base/result.ts";
import type { HubDoor } from "../hub/door.ts";
import { encodeComplete, encodeInputRequired, refusalToday } from "../revision/encode.ts";
import { readEnvelope, type Envelope } from "../revision/envelope.ts";
import { eraOf, unsupportedVersion } from "../revision/era.ts";
import { checkMethodHeaders, checkParamHeaders, checkVersionHeader, type HeaderLookup } from "../revision/mirror.ts";
import { revisionOf, type MethodRow } from "../revision/revisions.ts";
import { call } from "../server/call.ts";
import type { Server } from "../server/catalog.ts";
import { report } from "../server/failure.ts";
import { limitOf } from "../server/run.ts";
import type { ServerRequest, Services } from "../server/types.ts";
import { endWith, serveSpan } from "../server/trace.ts";
import { during, type Span } from "../telemetry/span.ts";
import { accepted, readHeader, refuse } from "../wire/http.ts";
import { writeError, writeResult, type Message, type RpcRequest } from "../wire/jsonrpc.ts";
import { listen } from "./listen.ts";
import { reply, type Answer } from "./reply.ts";
import { readMemory, sealState } from "./state.ts";

export interface StatelessDoor {
  readonly server: Server;
  readonly services: Services;
  readonly hub: HubDoor;
}

/** One POST of the stateless era to its HTTP answer. `caller` is verified; `message` is well-formed JSON-RPC. */
export async function serveStateless(
  door: StatelessDoor,
  http: Request,
  message: Message,
  caller: Caller,
  outer: Span,
): Promise<Response> {
  // spec: http.post.responses, http.notification.accepted
  if (message.kind === "response")
    return refuse(refusal("InvalidRequest", "A client sends no responses in this revision"), message.id);
  // spec: mirror.case.name
  const header: HeaderLookup = (name) => http.headers.get(name);
  if (message.kind === "notification") {
    const version = eraOf([], false, readHeader(http.headers, "mcp-protocol-version"));
    // spec: jsonrpc.notification.silent
    return version.ok ? accepted() : refuse(version.error);
  }

  // 1. The envelope is complete, 2. the headers repeat it, 3. the version is served, 4. the method exists in it.
  const admitted = admit(header, message);
  if (!admitted.ok) return refuse(admitted.error, message.id);
  const { envelope, row } = admitted.value;

  // 5. The tool's own mirrored parameters agree.
  const { name } = message.params;
  const tool = message.method === "tools/call" && typeof name === "string" ? door.server.tools.get(name) : undefined;
  const params = checkParamHeaders(header, tool?.mirrored ?? [], message.params["arguments"]);
  if (!params.ok) return refuse(params.error, message.id);

  // 6. A retry brings its answers and proves its state.
  const memory = await readMemory(door.services.ring, { ...message, caller }, now());
  if (!memory.ok) return refuse(memory.error, message.id);

  // 7. A subscription is a stream of its own; everything else runs and is answered.
  const span = serveSpan(outer, door.server, message, { "mcp.protocol.version": envelope.version });
  // spec: basic.whole
  if (message.method === "subscriptions/listen")
    return during(span, ["Hub.listen", "client"], () => listen(door, http, message, caller)).finally(() => span.end());
  // spec: stateless.context
  const request = { ...message, ...envelope, caller, memory: memory.value, span };
  const work = (sink: Sink, cancel: Cancellation): Promise<Answer> => answer(door, row, request, sink, cancel);
  return reply(http, () => limitOf(door, request), work);
}

function admit(header: HeaderLookup, message: RpcRequest): Result<{ envelope: Envelope; row: MethodRow }, Refusal> {
  const envelope = readEnvelope(message.params);
  if (!envelope.ok) return envelope;
  const { version } = envelope.value;
  const sameVersion = checkVersionHeader(header, version);
  if (!sameVersion.ok) return sameVersion;
  const revision = revisionOf(version);
  // spec: version.unsupported.refuse
  if (revision?.era !== "stateless") return err(unsupportedVersion(version));
  const row = revision.methods.get(message.method);
  const sameMethod = checkMethodHeaders(header, message.method, row, message.params);
  if (!sameMethod.ok) return sameMethod;
  // spec: http.method.unknown, jsonrpc.method.reserved
  if (row === undefined)
    return err(refusal("MethodNotFound", `Method "${message.method}" does not exist in ${version}`));
  return ok({ envelope: envelope.value, row });
}

/** Runs the request and writes down what came of it, which may be impossible: a result that is no JSON is a fault. */
async function answer(
  door: StatelessDoor,
  row: MethodRow,
  request: RpcRequest & ServerRequest,
  sink: Sink,
  cancel: Cancellation,
): Promise<Answer> {
  const { server, services } = door;
  let outcome: Outcome;
  let written: Answer;
  try {
    outcome = await call({ server, request, sink, cancel, services });
    written = await encode(door, row, request, outcome);
  } catch (error) {
    outcome = refused(report("call.failed", { server, request }, error));
    written = await encode(door, row, request, outcome);
  }
  endWith(request.span, outcome);
  services.tracer.settle("soon");
  return written;
}

/** An outcome as the text of the answer, and the refusal behind it when there is one (it decides the HTTP status). */
async function encode(
  { server: { info }, services }: StatelessDoor,
  row: MethodRow,
  request: RpcRequest & ServerRequest,
  outcome: Outcome,
): Promise<Answer> {
  const { id } = request;
  switch (outcome.kind) {
    case "complete": {
      // spec: caching.retry.fresh
      const cache = request.memory === NO_MEMORY ? outcome.cache : undefined;
      return { text: writeResult(id, encodeComplete(row, outcome.result, cache, info)) };
    }
    case "input": {
      // spec: mrtr.methods.supported
      if (row.mayAsk !== true) throw new Error(`${request.method} may not ask for input`);
      const state = await sealState(services.ring, request, outcome.memory, now());
      return { text: writeResult(id, encodeInputRequired(outcome.requests, state, info)) };
    }
    case "refused": {
      const refusal = refusalToday(outcome.refusal);
      return { text: writeError(id, refusal), refusal };
    }
  }
}
