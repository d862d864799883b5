/**
 * Properties look at the same cases every time, so that a change is blamed for what it did. `TILLER_TEST_SEED=7 npm test`
 * looks at others: what is found there is kept as an example of its property.
 */
import { readFileSync } from "node:fs";
import { expect } from "vitest";

const { testPath } = expect.getState();
if (testPath && readFileSync(testPath, "utf8").includes('from "fast-check"')) {
  const { configureGlobal, readConfigureGlobal } = await import("fast-check");
  configureGlobal({
    ...readConfigureGlobal(),
    seed: Number(process.env["TILLER_TEST_SEED"] ?? 1),
  });
}
