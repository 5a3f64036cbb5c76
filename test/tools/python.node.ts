/** Which Python runs the runner of spec/runner/python/. npm installs none. */

import { spawnSync } from "node:child_process";

export const PYTHON: string = process.env["PYTHON"] ?? "python3";

/** The test that needs it. Where there is none it is no test, and `make test` says that it was not run. */
export const PYTHON_TEST = "test/spec/audit-python.node.test.ts";

export const PYTHON_HINT: string = `there is no Python 3.9 (looked for ${PYTHON}; PYTHON names another)`;

export function hasPython(): boolean {
  const needs = "import sys; sys.exit(sys.version_info < (3, 9))";
  return spawnSync(PYTHON, ["-c", needs]).status === 0;
}
