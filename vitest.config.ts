import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["{packages,apps,recipes,examples,tests,scripts}/**/*.test.ts"],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 15_000 } }, // a busy machine is no failure
    pool: "forks",
    maxWorkers: 2,
  },
});
