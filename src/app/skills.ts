/** The skills of this server: what an agent should know before it uses several tools together. */

import { skill, type Skill } from "../api.ts";

export const appSkills: readonly Skill[] = [
  skill({
    files: {
      "SKILL.md": `---
name: advise-on-a-place
description: What a place is like, and whether today is a day for it. Use it when somebody plans a visit.
---

1. recall, with the name of the place: what does the person like?
2. get_weather. Say how old the report is, and whether it is stale.
3. search_wikipedia for what the person wants to see. If the best hit is another place, read_result with its number.
4. Advise in three sentences, with the address of the article. remember what the person tells you.

Call forget_everything only when the person asks for it in their own words.
`,
    },
  }),
];
