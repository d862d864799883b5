import { defineConfig } from "vitest/config";

/** `npm test` runs what is quick; `npm run test:slow` the suites named *.slow.test.ts; CI runs both. */
const slow = process.env["TILLER_TESTS"] === "slow";

export default defineConfig({
  test: {
    include: [
      `{packages,apps,recipes,examples,tests,scripts}/**/*.${slow ? "slow.test" : "test"}.ts`,
    ],
    exclude: ["**/node_modules/**", ...(slow ? [] : ["**/*.slow.test.ts"])],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 15_000 } }, // a busy machine is no failure
    pool: "forks",
    maxWorkers: 2,
    passWithNoTests: slow,
  },
});
