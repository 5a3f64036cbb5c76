/**
 * The stateless era: each POST is whole in itself. No session, no object, nothing remembered.
 * MCP transports/streamable-http, basic#_meta, versioning. Refuses in the order of the text, cheapest first.
 */

import type { Cancellation } from "../../base/cancellation.ts";
import { now } from "../../base/time.ts";
import {
  NO_RETRY_STATE,
  errorOutcome,
  type Outcome,
  type NotificationSink,
} from "../../protocol/outcome.ts";
import { protocolError, type ProtocolError } from "../../base/protocol-error.ts";
import { err, ok, type Result } from "../../base/result.ts";
import {
  encodeCompleteResult,
  encodeInputRequired,
  toStatelessError,
} from "../../protocol/stateless-encoding.ts";
import { readRequestMeta, type RequestMeta } from "../../protocol/request-meta.ts";
import { determineEra, unsupportedVersion } from "../../protocol/era.ts";
import {
  checkMethodHeaders,
  checkParamHeaders,
  checkVersionHeader,
  type HeaderLookup,
} from "../../protocol/request-headers.ts";
import { findRevision, type MethodSpec } from "../../protocol/versions.ts";
import { dispatch } from "../../server/dispatch.ts";
import type { Server } from "../../server/registry.ts";
import { logInternalError } from "../../server/failure.ts";
import { timeLimitOf } from "../../server/run-handler.ts";
import type { OpenSubscriptionStream } from "../../server/feature.ts";
import type { Call, Services } from "../../server/services.ts";
import type { ReceivedMessage, ServerRequest } from "../../server/types.ts";
import { endRequestSpan, startRequestSpan } from "../../server/request-span.ts";
import { withSpan, type Span } from "../../base/span.ts";
import {
  acceptedResponse,
  readHeader,
  errorResponse,
  type JsonRpcReply,
} from "../../wire/response.ts";
import { writeError, writeResult, type RpcRequest } from "../../wire/jsonrpc.ts";
import { respond } from "./respond.ts";
import { readRetryState, sealRequestState } from "./request-state.ts";

export interface StatelessDependencies {
  readonly server: Server;
  readonly services: Services;
  /** Serves `subscriptions/listen`; undefined without that part. */
  readonly openSubscriptionStream: OpenSubscriptionStream | undefined;
}

/** One POST of the stateless era to its HTTP answer. */
export async function handleStatelessRequest(
  dependencies: StatelessDependencies,
  http: Request,
  message: ReceivedMessage,
  parentSpan: Span,
): Promise<Response> {
  // spec: http.post.responses, http.notification.accepted
  if (message.kind === "response")
    return errorResponse(
      protocolError("InvalidRequest", "A client sends no responses in this revision"),
      message.id,
    );
  // spec: mirror.case.name
  const getHeader: HeaderLookup = (name) => http.headers.get(name);
  if (message.kind === "notification") {
    const version = readHeader(http.headers, "mcp-protocol-version");
    const eraCheck = determineEra([], false, version, dependencies.server.versions);
    // spec: jsonrpc.notification.silent
    return eraCheck.ok ? acceptedResponse() : errorResponse(eraCheck.error);
  }

  // 1. The envelope is complete, 2. the headers repeat it, 3. the version is served, 4. the method exists in it.
  const validated = validateRequest(dependencies, getHeader, message);
  if (!validated.ok) return errorResponse(validated.error, message.id);
  const { requestMeta, methodSpec } = validated.value;

  // 5. The tool's own mirrored parameters agree.
  const { tool } = message.target;
  const paramCheck = checkParamHeaders(
    getHeader,
    tool?.headerParams ?? [],
    message.params["arguments"],
  );
  if (!paramCheck.ok) return errorResponse(paramCheck.error, message.id);

  // 6. A retry brings its answers and proves its state.
  const retryState = await readRetryState(dependencies.services.ring, message, now());
  if (!retryState.ok) return errorResponse(retryState.error, message.id);

  // 7. A subscription is a stream of its own; everything else runs and is answered.
  const span = startRequestSpan(parentSpan, message, {
    "mcp.protocol.version": requestMeta.protocolVersion,
  });
  // spec: stateless.context
  const request = { ...message, ...requestMeta, retryState: retryState.value, span };
  // spec: basic.whole
  const { openSubscriptionStream, services } = dependencies;
  if (message.method === "subscriptions/listen" && openSubscriptionStream !== undefined)
    return withSpan(span, ["Hub.listen", "client"], () =>
      openSubscriptionStream(http, request, message.caller, services.addToSubscription),
    ).finally(() => span.end());
  const run = (sink: NotificationSink, cancel: Cancellation): Promise<JsonRpcReply> =>
    runRequest(dependencies, methodSpec, { http, request, sink, cancel });
  return respond(http, () => timeLimitOf(services, request), run);
}

function validateRequest(
  { server: { versions }, services }: StatelessDependencies,
  getHeader: HeaderLookup,
  message: RpcRequest,
): Result<{ requestMeta: RequestMeta; methodSpec: MethodSpec }, ProtocolError> {
  const requestMeta = readRequestMeta(message.params);
  if (!requestMeta.ok) return requestMeta;
  const { protocolVersion } = requestMeta.value;
  const versionCheck = checkVersionHeader(getHeader, protocolVersion);
  if (!versionCheck.ok) return versionCheck;
  const revision = findRevision(protocolVersion);
  // spec: version.unsupported.refuse
  if (revision?.era !== "stateless") return err(unsupportedVersion(protocolVersion, versions));
  const methodSpec =
    revision.methods.get(message.method) ?? services.extensionMethods.get(message.method);
  const methodCheck = checkMethodHeaders(getHeader, message.method, methodSpec, message.params);
  if (!methodCheck.ok) return methodCheck;
  // spec: http.method.unknown, jsonrpc.method.reserved
  if (methodSpec === undefined)
    return err(
      protocolError(
        "MethodNotFound",
        `Method "${message.method}" does not exist in ${protocolVersion}`,
      ),
    );
  return ok({ requestMeta: requestMeta.value, methodSpec });
}

/** Runs the request and writes down what came of it, which may be impossible: a result that is no JSON is a fault. */
async function runRequest(
  dependencies: StatelessDependencies,
  methodSpec: MethodSpec,
  call: Pick<Call, "http" | "sink" | "cancel"> & { readonly request: RpcRequest & ServerRequest },
): Promise<JsonRpcReply> {
  const { server, services } = dependencies;
  const { request } = call;
  let outcome: Outcome;
  let reply: JsonRpcReply;
  try {
    outcome = await dispatch({ ...call, server, services });
    reply = await encodeOutcome(dependencies, methodSpec, request, outcome);
  } catch (error) {
    outcome = errorOutcome(logInternalError("call.failed", request, error));
    reply = await encodeOutcome(dependencies, methodSpec, request, outcome);
  }
  endRequestSpan(request.span, outcome);
  services.tracer.flush("soon");
  return reply;
}

/** An outcome as the text of the answer, and the refusal behind it when there is one (it decides the HTTP status). */
async function encodeOutcome(
  { server: { info }, services }: StatelessDependencies,
  methodSpec: MethodSpec,
  request: RpcRequest & ServerRequest,
  outcome: Outcome,
): Promise<JsonRpcReply> {
  const { id } = request;
  switch (outcome.kind) {
    case "complete": {
      // spec: caching.retry.fresh
      const cache = request.retryState === NO_RETRY_STATE ? outcome.cache : undefined;
      const { result, resultType } = outcome;
      return {
        text: writeResult(id, encodeCompleteResult(methodSpec, result, cache, info, resultType)),
      };
    }
    case "inputRequired": {
      // spec: mrtr.methods.supported
      if (methodSpec.mayRequireInput !== true)
        throw new Error(`${request.method} may not ask for input`);
      const state = await sealRequestState(services.ring, request, outcome.retryState, now());
      return { text: writeResult(id, encodeInputRequired(outcome.requests, state, info)) };
    }
    case "refused": {
      const error = toStatelessError(outcome.refusal);
      return { text: writeError(id, error), error };
    }
  }
}
