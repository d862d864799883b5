/**
 * Finds fields that are looked up or set by a text of any kind: what every object inherits ("constructor", "__proto__")
 * answers there too. Whoever means a field of the object itself asks with `own` or `Object.hasOwn`, sets with `setOwn`,
 * or keeps a Map or an object without a prototype. A key that the types bound to known words is fine.
 * Run: npm run lookups
 */
import path from "node:path";
import process from "node:process";
import { type Expression, type Node, type SourceFile, SyntaxKind } from "typescript/unstable/ast";
import { isBinaryExpression, isElementAccessExpression } from "typescript/unstable/ast/is";
import { API, type Checker, type Type, TypeFlags } from "typescript/unstable/sync";

/** By file: what is looked up there by keys that no user, file or request chooses. An entry without a use is an error. */
const ours: Readonly<Record<string, readonly string[]>> = {
  "packages/crowd/compare-models.ts": ["pairModels[name]"],
  "packages/crowd/numbers.ts": ["numberMethods[name]"],
  "packages/data/conversations.ts": ["row[n]", "row[name]"],
  "packages/data/parquet-values.ts": [
    "(v as Record<string, Record<string, unknown>[]>)[inner.element.name]",
    "entry[key.element.name]",
    "entry[value.element.name]",
  ],
  "packages/data/ratings.ts": ['{ "-1": "bad", "0": "neutral", "1": "good" }[String(rating)]'],
  "packages/data/export.ts": ["row[c]"],
  "packages/data/import.ts": ["escapes[c]"],
  "packages/data/json.ts": ["(x as Record<string, unknown>)[key]"], // of its own keys
  "packages/data/mapping-rules.ts": ["rule.begins[begin]"], // of its own keys
  "packages/lab/curves.ts": ["p[`step ${i}`]", "p[`${figure} ${i}`]"], // columns that the statement names
  "packages/model/client.ts": ["o.env[config.apiKeyEnv]"],
  "packages/model/openai.ts": ["what[kind]"],
  "packages/model/structured.ts": ["jsonSchema[key as keyof JSONSchema]"], // of its own keys
  "packages/flow/failures.ts": ["(e as unknown as Record<string, unknown>)[key]"], // of its own keys
  "packages/flow/lock.ts": [
    "(where as Record<PropertyKey, unknown>)[key]",
    "name in globalThis",
    "(where as Record<string, Call | undefined>)[name]",
  ],
  "packages/flow/values.ts": ["(value as Record<string, unknown>)[key]"], // of its own keys
  "packages/learn/batch.ts": ["batch[name]"],
  "packages/learn/policy-gradient.ts": ["logged[name]", "batch[name]"],
  "packages/learn/ppo-loss.ts": ["batch[name]"],
  "packages/learn/ppo.ts": ["last[k]"],
  "packages/lm/architectures.ts": ["(c as Record<string, unknown>)[key]"],
  "packages/lm/json-schema.ts": ["schema[other]"], // of its own keys
  "packages/lm/peft.ts": ["parts[ending]"], // of its own keys
  "packages/lm/rope.ts": ["p[key]"],
  "packages/lm/gguf-model.ts": ["m.config[k]"],
  "packages/lm/gguf-tokenizer.ts": ["config[`${key}_token_id`]"],
  "packages/lm/jinja-functions.ts": [
    `{ "&": "amp", "<": "lt", ">": "gt", "'": "#39", '"': "#34" }[c]`,
  ],
  "packages/lm/jinja-operators.ts": ["results[operator]"],
  "packages/lm/transformers-files.ts": ["out[key]", "config[`${key}_token_id`]"],
  "packages/tensor/finite.ts": ["inputs[name]"],
  "packages/tensor/graph.ts": ["rules[n.op]"],
  "packages/tensor/telemetry.ts": ["process.env[name]"],
  "apps/cli/csv.ts": ["shape[k]"],
  "apps/cli/pretrain.ts": ["result.metrics[k]"],
  "apps/cli/train.ts": ["input[n]", "inputFlags[n]", "given[k]", "given[name]", "m.job.metrics[k]"], // fields of methods
  "apps/cli/task-child.ts": ["key in x"],
  "apps/server/openai-request.ts": ["refused[field]"],
  "apps/server/openapi.ts": [
    'paths[o.path.replace(/:(\\w+)/g, "{$1}")]',
    "place[o.method.toLowerCase()]",
  ],
  "apps/server/report.ts": [`({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c]`],
  // names of keys on a keyboard
  "apps/web/src/desk/desk.tsx": ["keys[e.key]"],
  "apps/web/src/task/choices.tsx": ["{ ArrowLeft: -1, ArrowRight: 1 }[e.key]"],
  "apps/web/src/shell/notices.tsx": ["pages[to]"], // of the table of pages
  "apps/web/src/projects/items-table.tsx": ["show in page.states"],
  "apps/web/src/task/lists.tsx": ["{ ArrowUp: -1, ArrowDown: 1 }[key]"],
  "apps/web/src/task/spans.tsx": ["{ ArrowLeft: -1, ArrowRight: 1 }[key]"],
  "apps/web/src/task/task-form.tsx": ["{ ArrowUp: -1, ArrowDown: 1 }[e.key]"],
  "apps/web/src/trace/tree-view.tsx": ["keys[e.key]"],
};

const root = path.resolve(import.meta.dirname, "..");
const isLooked = (file: string) =>
  /^(?:packages|apps|recipes|examples)\//.test(file) &&
  !/node_modules|\/fixtures\/|\.(?:test|soak)\.tsx?$|\.d\.ts$/.test(file);

interface Lookup {
  readonly node: Node;
  readonly of: Expression;
  readonly key: Expression;
}
const written = (source: SourceFile, n: Node) =>
  source.text.slice(n.pos, n.end).trim().replaceAll(/\s+/g, " ");

function lookupsIn(source: SourceFile): Lookup[] {
  const found: Lookup[] = [];
  const literal = new Set([SyntaxKind.StringLiteral, SyntaxKind.NumericLiteral]);
  const visit = (node: Node): undefined => {
    const at = isElementAccessExpression(node)
      ? { of: node.expression, key: node.argumentExpression }
      : isBinaryExpression(node) && node.operatorToken.kind === SyntaxKind.InKeyword
        ? { of: node.right, key: node.left }
        : undefined;
    if (at?.key && !literal.has(at.key.kind)) found.push({ node, of: at.of, key: at.key });
    node.forEachChild(visit);
  };
  visit(source);
  return found;
}

const isAnyText = (checker: Checker, type: Type | undefined): boolean =>
  type !== undefined &&
  ((type.flags & (TypeFlags.String | TypeFlags.TemplateLiteral | TypeFlags.Any)) !== 0 ||
    (type.isUnionType() && type.getTypes().some((t) => isAnyText(checker, t))) ||
    (type.isTypeParameter() && isAnyText(checker, checker.getBaseConstraintOfType(type))));

/** Asked before with Object.hasOwn, or of an object that inherits nothing: in the same file, of the same names. */
function isGuarded(source: SourceFile, l: Lookup): boolean {
  const text = source.text.replaceAll(/\s+/g, " ");
  const [of, key] = [written(source, l.of), written(source, l.key)];
  return (
    text.includes(`Object.hasOwn(${of}, ${key})`) ||
    text.includes(`Object.hasOwn(${of.replace(/^\((\w+) as .*\)$/, "$1")}, ${key})`) ||
    new RegExp(`\\b${RegExp.escape(of)}(?:: [^=;]*)? = Object\\.create\\(null\\)`).test(text)
  );
}

const client = new API({ cwd: root });
const [project] = client
  .updateSnapshot({ openProjects: [path.join(root, "tsconfig.json")] })
  .getProjects();
const { checker, program } = project!;
const problems: string[] = [];
const used = new Set<string>();
for (const name of program.getSourceFileNames()) {
  const file = path.relative(root, name);
  if (!isLooked(file)) continue;
  const source = program.getSourceFile(name)!;
  const lookups = lookupsIn(source);
  if (!lookups.length) continue;
  const types = checker.getTypeAtLocation(lookups.map((l) => l.key));
  for (const l of lookups.filter((x, i) => isAnyText(checker, types[i]) && !isGuarded(source, x))) {
    const text = written(source, l.node);
    used.add(`${file} ${text}`);
    if (ours[file]?.includes(text)) continue;
    const before = source.text.slice(0, l.key.end);
    problems.push(
      `${file}:${before.split("\n").length}: ${text} takes inherited fields for the object's own. Use own(object, key), setOwn, Object.hasOwn or a Map; if the key is never a user's, say so in scripts/check-lookups.ts.`,
    );
  }
}
for (const [file, texts] of Object.entries(ours))
  for (const text of texts)
    if (!used.has(`${file} ${text}`))
      problems.push(`scripts/check-lookups.ts: ${file} has no ${text}. Remove the line.`);
for (const p of problems) console.error(p);
client.close();
process.exitCode = problems.length ? 1 : 0;
