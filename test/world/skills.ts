/** The skills of the conformance world: `spec/world.json` says what is in them. The suite takes the first one. */

import { skill, type Skill } from "../../src/extensions/skills/skill.ts";
import { PNG } from "./media.ts";

const inFolder = { prefix: "spec-team/v1" };

export const worldSkills: readonly Skill[] = [
  skill({
    files: {
      "SKILL.md": `---
name: spec-notes
description: "Keeps notes: short ones"
license: MIT
metadata:
  author: spec
  com.example/version: "1.0"
---

Use the words of references/terms.md.
`,
      "references/terms.md": "A term is a word.\n",
      "references/more/rules.txt": "Keep it short.\n",
      "data/table.json": { mimeType: "application/json", content: '{"a":1}' },
      "data/dot.png": {
        mimeType: "image/png",
        content: Uint8Array.from(atob(PNG), (sign) => sign.charCodeAt(0)),
      },
    },
    cache: { ttlMs: 60_000, scope: "public" },
  }),
  skill({
    ...inFolder,
    files: {
      "SKILL.md": "---\nname: spec-outer\ndescription: Holds another skill\n---\n",
      "guide.md": "# Guide\n",
    },
  }),
  skill({
    prefix: `${inFolder.prefix}/spec-outer`,
    files: { "SKILL.md": "---\nname: spec-inner\ndescription: Lies in another skill\n---\n" },
  }),
];
