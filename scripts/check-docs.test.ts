/** What a document says wrongly is found, and what it may say is not. */
import { beforeAll, expect, test } from "vitest";
import { docProblems, readingPath, readTree, type Tree } from "./check-docs.ts";

let tree: Tree;
beforeAll(async () => {
  tree = await readTree();
}, 60_000);
const problems = (text: string) => docProblems(tree, "docs/trial.md", text);

test.each([
  ["`npm run nothing`", "there is no npm run nothing"],
  ["`npm run constructor`", "there is no npm run constructor"],
  ["```\nnpm run tiller -- sing\n```", "there is no command tiller sing"],
  ["`tiller experiment sing ID`", "tiller experiment has no sing"],
  ["`tiller experiment hold|sing|cancel`", "tiller experiment has no sing"],
  ["`npm start -- --loud`", "tiller start has no --loud"],
  ["`tiller data export --out FILE [--colour RED]`", "tiller data export has no --colour"],
  ["`tiller backup FILE OTHER`", "tiller backup takes FILE, not OTHER"],
  ["```\nnpm ci && \\\n  npm run bench -- nothing\n```", "there is no npm run bench -- nothing"],
  ["`npm run bench -- learn --loud 3`", "npm run bench has no --loud"],
  ["`npm run faults -- --loud 3`", "npm run faults has no --loud"],
  ["`npx vitest run packages/none.test.ts`", "there is no file packages/none.test.ts"],
  ["`node scripts/none.ts`", "there is no file scripts/none.ts"],
  ["see `packages/lm/none.ts`", "there is no file packages/lm/none.ts"],
  ["see `lm/{bpe,none}.ts`", "there is no file lm/none.ts"],
  ["[words](none.md)", "the link leads to docs/none.md, which is not there"],
  ["![a picture](none.png)", "the link leads to docs/none.png, which is not there"],
  ["[words](engine.md#none)", "docs/engine.md has no heading #none"],
  ["[words](#none)", "docs/trial.md has no heading #none"],
  ["[words][ref]\n\n[ref]: none.md", "the link leads to docs/none.md, which is not there"],
  ['<img src="none.png">', "the link leads to docs/none.png, which is not there"],
  ["[words](none_(b).md)", "the link leads to docs/none_(b).md, which is not there"],
  ['[words](none.md "a title")', "the link leads to docs/none.md, which is not there"],
  ["# One\n\n[words](#one-1)", "docs/trial.md has no heading #one-1"],
  ["~~~\nnpm run nothing\n~~~", "there is no npm run nothing"],
  ["````\n```\nnpm run nothing\n```\n````", "there is no npm run nothing"],
  ["see decision 99", "there is no decision 99"],
])("%s", (text, why) => {
  expect(problems(text).map((p) => p.replace(/^docs\/trial\.md:\d+: /, ""))).toContain(why);
});

test("what holds is let be", () => {
  expect(
    problems(`# A Heading, with \`code\`

[here](#a-heading-with-code), [there](engine.md#how-fast), [away](https://example.org/none.md), decision 30,
\`packages/lm/*.ts\`, \`lm/{bpe,rope}.ts\`, \`answers.csv\`, \`flow.step\`, \`a/b\`, \`tiller COMMAND --help\`.

\`\`\`
npm ci && npm test          # and npm run nothing
VARIABLE=1 npm run tiller -- quality aggregate --type comparison --field choice --device cpu
npm run tiller -- models try critic "Name three; faults && more: ..." --tokens 5
npm start -- --port 0 --seed=-1
npm run hostile -- files --minutes 10
\`\`\`

## The estimator (MLE)
## From \`<= v1.18.0\`
## The estimator (MLE)

[one](#the-estimator-mle), [two](#from--v1180), [three](#the-estimator-mle-1) <!-- [old](none.md) -->
`),
  ).toEqual([]);
});

test("the reading path is the numbered list below its heading", () => {
  expect(
    readingPath("# X\n\n1. [no](no.ts)\n\n## A reading path\n\n1. [a](a.ts) x\n2. [b](b/c.ts) y\n"),
  ).toEqual(["a.ts", "b/c.ts"]);
});
