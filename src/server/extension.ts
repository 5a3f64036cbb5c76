/** Extensions of the protocol. MCP basic/versioning#extension-negotiation. Pure. */

import { protocolError, type ProtocolError } from "../base/protocol-error.ts";
import type { ServerRequest } from "./types.ts";

/** The refusal where the client did not declare the extension `id` with this request; undefined where it did. */
export function missingExtension(
  { capabilities }: Pick<ServerRequest, "capabilities">,
  id: string,
): ProtocolError | undefined {
  return capabilities.extensions?.[id] === undefined
    ? protocolError("MissingRequiredClientCapability", `The client did not declare ${id}`, {
        requiredCapabilities: { extensions: { [id]: {} } },
      })
    : undefined;
}
