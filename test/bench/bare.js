/** What barewire is compared with: the same body parsed as JSON, the same bytes and headers answered, and nothing else. */

/* global BEFORE_ID, AFTER_ID, HEADERS -- the recorded answer around its id; the bundler puts it in their place */

export default {
  async fetch(request) {
    const { id } = await request.json();
    return new Response(BEFORE_ID + JSON.stringify(id) + AFTER_ID, { headers: HEADERS });
  },
};
