/** The one request to an upstream that a handler makes: bounded, with a span, and with the trace passed on. */

import { outgoingRequestAttributes } from "../base/http-span.ts";
import type { Result } from "../base/result.ts";
import { traceHeaders, withSpan, type Span } from "../base/span.ts";
import {
  fetchConfigured,
  type FetchLimits,
  type FetchOptions,
  type FetchResult,
} from "../net/fetch.ts";

/** Passes the trace on. Its span has no query, which may be a secret, and no credential. */
export function tracedFetch(
  span: Span,
  url: string,
  limits: FetchLimits & FetchOptions,
): Promise<Result<FetchResult, string>> {
  const { method = "GET" } = limits;
  return withSpan(
    span,
    [method, "client", span.isRecording ? outgoingRequestAttributes(method, url) : {}],
    async (fetchSpan) => {
      const response = await fetchConfigured(url, {
        ...limits,
        headers: { ...limits.headers, ...traceHeaders(fetchSpan) },
      });
      if (response.ok) fetchSpan.set({ "http.response.status_code": response.value.status });
      const errorType = response.ok
        ? response.value.status >= 400 && String(response.value.status)
        : response.error;
      fetchSpan.end(errorType === false ? undefined : errorType);
      return response;
    },
  );
}
