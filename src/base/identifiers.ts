/** Where this server is, in the words of OAuth: RFC 8414 section 2 (issuer), RFC 8707 section 2 (resource). Types only. */

export interface ServerIdentifiers {
  /** scheme://host[:port], no slash at the end: the issuer of everything this server issues. */
  readonly issuer: string;
  /** The MCP endpoint, as clients name it. */
  readonly resource: string;
  /** What tokens, callers and what they keep are bound to: the resource, or the one that stands for all of this server's. */
  readonly audience: string;
}
