/** `make parts`: what a Worker weighs without each of its parts: lines of src/, and bytes of the bundle, gzipped. README, "Make it yours". */

import { copyWithout, describeSize, buildAndMeasure, VARIANTS } from "../system/removable.node.ts";

console.log("| Worker | src/ | bundle, gzipped |\n|---|---|---|");
for (const { name, parts } of VARIANTS) {
  const { folder, remove } = copyWithout(parts);
  try {
    console.log(describeSize(name, await buildAndMeasure(folder)));
  } finally {
    remove();
  }
}
