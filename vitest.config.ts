import path from "node:path";
import { defineConfig, type TestProjectConfiguration } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/**
 * `npm test` runs what is quick; `npm run test:slow` the suites named *.slow.test.ts; CI runs both. `npm run test:fence`
 * is workflows that loop, eat memory and kill, and files above 2 GB, 20 minutes in all: *.soak.test.ts.
 */
const asked = process.env["TILLER_TESTS"];
const slow = asked === "slow" || asked === "soak";
// what tests start begins in half the time
process.env["NODE_COMPILE_CACHE"] ??= path.resolve("node_modules/.cache/tiller");

/** Those that take longest begin first: else one of them begins last, and runs alone. */
const longest = [
  "tests/crash.slow",
  "tests/desk.slow",
  "tests/researcher.slow",
  "tests/book-page.slow",
  "tests/book-afternoon.slow",
  "packages/learn/methods.slow",
  "tests/resume.slow",
  "tests/servers.slow",
  "tests/quality-pages.slow",
  "tests/axe.slow",
  "tests/trace.slow",
  "tests/tasks.slow",
  "tests/security.slow",
  "tests/quiet.slow",
  "tests/control-pages.slow",
  "packages/data/published.slow",
  "tests/book-loop.slow",
  "packages/flow/flow.slow",
];
const placeOf = (s: TestSpecification) => {
  const at = longest.findIndex((name) => s.moduleId.includes(name));
  return at < 0 ? longest.length : at;
};
class LongestFirst extends BaseSequencer {
  override async sort(specs: TestSpecification[]): Promise<TestSpecification[]> {
    return (await super.sort(specs)).toSorted((a, b) => placeOf(a) - placeOf(b));
  }
}

const within = (folders: string, kind: string) => `${folders}/**/*.${kind}.{ts,tsx}`;
const all = "{packages,apps,recipes,examples,tests,scripts}";
const notQuick = "**/*.{slow,soak}.test.ts";
/** No server, no database, nothing of the process changed: one process runs many of these files, and loads what they share once. */
const alike = within("packages/{schema,book,task,room,crowd,tensor,lm,learn}", "test");
const projects: TestProjectConfiguration[] = slow
  ? [{ extends: true, test: { name: asked!, include: [within(all, `${asked}.test`)] } }]
  : [
      {
        extends: true,
        test: { name: "apart", include: [within(all, "test")], exclude: [alike, notQuick] },
      },
      {
        extends: true,
        test: { name: "alike", include: [alike], exclude: [notQuick], isolate: false },
      },
    ];

export default defineConfig({
  test: {
    projects,
    exclude: ["**/node_modules/**"],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 15_000 } }, // a busy machine is no failure
    pool: "forks",
    // most of a slow test is waiting: for a browser, a server, a beat
    maxWorkers: slow ? 4 : 2,
    // a slow test goes through processes and browsers of a machine that may stand still for seconds: a second failure is one
    retry: slow ? 1 : 0,
    globalSetup: ["tests/template.ts"],
    setupFiles: ["tests/seed.ts"],
    sequence: { sequencer: LongestFirst },
    passWithNoTests: slow,
  },
});
