/**
 * What the texts demand of the platform on a stateless call, and nothing else: the fields that must be compared, a body that
 * is known to be UTF-8, and the answer that was recorded. No check is made of what is read, so that this is how far a
 * server can come that makes them all for nothing.
 */

/* global BEFORE_ID, AFTER_ID, HEADERS -- the recorded answer around its id; the bundler puts it in their place */

const FIELDS = [
  "origin",
  "content-type",
  "accept",
  "content-length",
  "mcp-protocol-version",
  "mcp-method",
  "mcp-name",
];
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export default {
  async fetch(request) {
    const read = [request.url, request.method];
    for (const field of FIELDS) read.push(request.headers.get(field));
    const { id } = JSON.parse(decoder.decode(await request.arrayBuffer()));
    // Nobody sends it: what is read must not be optimised away.
    if (read.includes("nothing")) return new Response(null, { status: 400 });
    return new Response(BEFORE_ID + JSON.stringify(id) + AFTER_ID, { headers: HEADERS });
  },
};
