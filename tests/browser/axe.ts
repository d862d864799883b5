/** axe over the page as it stands, WCAG 2.2 AA's target sizes included: what it finds, with the first place of each; of `only` these rules. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Page } from "playwright-core";

const source = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export async function faults(page: Page, only?: readonly string[]): Promise<string[]> {
  await page.evaluate(source);
  const asked = only
    ? { runOnly: { type: "rule", values: only } }
    : { rules: { "target-size": { enabled: true } } };
  const found = (await page.evaluate(`axe.run(${JSON.stringify(asked)})`)) as {
    violations: { id: string; impact: string; nodes: { html: string }[] }[];
  };
  return found.violations.map((v) => `${v.impact} ${v.id}: ${v.nodes[0]!.html}`);
}
