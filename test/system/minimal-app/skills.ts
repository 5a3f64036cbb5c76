/** The skills of this server: one. */

import { skill, type Skill } from "../../../src/api.ts";

export const appSkills: readonly Skill[] = [
  skill({ files: { "SKILL.md": "---\nname: use-echo\ndescription: When to call echo\n---\n" } }),
];
