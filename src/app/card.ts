/** What the server card says of this server, beside its name, version and address. */

import type { CardDetails } from "../api.ts";

export const card: CardDetails = {
  description: "An example: it looks things up, plays tic-tac-toe, and remembers what you tell it.",
};
