/** `make parts`: what a Worker weighs without each of its parts: lines of src/, and bytes of the bundle, gzipped. README, "Make it yours". */

import { ROOT } from "../../src/cli/environment.mjs";
import { buildAndMeasure, copyWithout, describeSize } from "../system/removable.node.ts";
import { variantsOf } from "../system/removable-parts.node.ts";

const { variants, gone } = variantsOf(ROOT);

console.log("| Worker | src/ | bundle, gzipped |\n|---|---|---|");
for (const { name, parts } of variants) {
  const { folder, remove } = copyWithout(parts);
  try {
    console.log(describeSize(name, await buildAndMeasure(folder)));
  } finally {
    remove();
  }
}
if (gone.length > 0)
  console.log(`\nLeft out, for this repository has it no more: ${gone.join(", ")}.`);
