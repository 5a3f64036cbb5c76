/** The skills of this server: what an agent should know before it uses several tools together. */

import { skill, type Skill } from "../api.ts";

export const appSkills: readonly Skill[] = [
  skill({
    files: {
      "SKILL.md": `---
name: advise-on-a-place
description: What a place is like today. Use it when somebody plans a visit.
---

1. recall what the person likes there.
2. get_weather: say how old the report is.
3. search_wikipedia. If the best hit is another place, read_result with its number.
4. Advise in three sentences, and remember what you are told.

Call forget_everything only when asked for it.
`,
    },
  }),
];
