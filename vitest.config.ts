import { defineConfig } from "vitest/config";

/**
 * `npm test` runs what is quick; `npm run test:slow` the suites named *.slow.test.ts; CI runs both. `npm run test:fence`
 * is workflows that loop, eat memory and kill, and files above 2 GB, 20 minutes in all: *.soak.test.ts.
 */
const asked = process.env["TILLER_TESTS"];
const slow = asked === "slow" || asked === "soak";

export default defineConfig({
  test: {
    include: [
      `{packages,apps,recipes,examples,tests,scripts}/**/*.${slow ? `${asked}.test` : "test"}.{ts,tsx}`,
    ],
    exclude: ["**/node_modules/**", ...(slow ? [] : ["**/*.{slow,soak}.test.ts"])],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 15_000 } }, // a busy machine is no failure
    pool: "forks",
    maxWorkers: 2,
    passWithNoTests: slow,
  },
});
