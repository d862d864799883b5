/** A kind of work that was made in the browser as the TypeScript file that a researcher would have written. */
import type { ItemSlot } from "@tiller/schema";
import type { TaskDef } from "./define.ts";
import type { OwnKind } from "./own-kind.ts";
import { slotsOf } from "./slots.ts";

const camel = (name: string): string =>
  name.replace(/[^a-zA-Z0-9]+(.)?/g, (_, c: string | undefined) => c?.toUpperCase() ?? "");
/** The name of the constant that a kind is, as the ready-made ones have it. */
const constant = (name: string): string => {
  const made = camel(name);
  return /^[a-z]/i.test(made) ? made[0]!.toLowerCase() + made.slice(1) : `kind${made}`;
};

/** `base`: the ready-made kind that it was made from. `samples`: inputs that it was asked with. */
export function kindFile(
  kind: OwnKind,
  { base, samples }: { base: TaskDef | undefined; samples: readonly unknown[] },
): string {
  const { name, version, title, instructions, view, aggregate = {} } = kind;
  const from = base && constant(base.name);
  const own = from === constant(name) ? `${constant(name)}Here` : constant(name);
  const check = kind.check !== undefined;
  const same = kind.input === base?.input;
  const given = samples.length ? samples : kind.samples;
  const parts = [
    `name: ${literal(name)}`,
    `version: ${literal(version)}`,
    `title: ${literal(title)}`,
    `input: ${same ? `${from}.input` : schemaOf(slotsOf({ view, samples: base?.samples ?? [] }))}`,
    `view: ${literal(view, 1)}`,
    ...(Object.keys(aggregate).length ? [`aggregate: ${literal(aggregate, 1)}`] : []),
    ...(check ? [`check: (input, output) => ${from}.check?.(input, output)`] : []),
    `samples: ${literal(given, 1)}`,
    `instructions: ${template(instructions)}`,
  ];
  return `/** ${sentence(title)}${kind.base === undefined ? "" : ` Made from ${kind.base}.`} */
${same ? "" : 'import { z } from "zod";\n'}${check || same ? `import { ${from} } from "@tiller/crowd";\n` : ""}import { defineTask } from "@tiller/task";

export const ${own} = defineTask({
${parts.map((p) => `  ${p},\n`).join("")}});
`;
}
const sentence = (text: string) => oneLine(text).replace(/([^.?!])$/, "$1.");
const oneLine = (text: string) => text.replace(/\s+/g, " ").replaceAll("*/", "* /");

/** Written as a formatter would: keys bare where they can be, short things on one line. */
function literal(value: unknown, depth = 0): string {
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const entries = Array.isArray(value)
    ? value.map((v) => literal(v, depth + 1))
    : Object.entries(value)
        .filter(([, v]) => v !== undefined)
        .map(([k, v]) => `${property(k)}: ${literal(v, depth + 1)}`);
  const [open, close] = Array.isArray(value) ? ["[", "]"] : ["{", "}"];
  if (!entries.length) return open + close;
  const space = Array.isArray(value) ? "" : " ";
  const line = `${open}${space}${entries.join(", ")}${space}${close}`;
  if (line.length + 2 * depth < 90 && !line.includes("\n")) return line;
  const indent = "  ".repeat(depth + 1);
  return `${open}\n${entries.map((e) => `${indent}${e},\n`).join("")}${"  ".repeat(depth)}${close}`;
}
const property = (key: string) =>
  /^[a-zA-Z_$][\w$]*$/.test(key) && key !== "__proto__" ? key : `[${JSON.stringify(key)}]`;
const template = (text: string) =>
  `\`${text.replaceAll("\\", "\\\\").replaceAll("`", "\\`").replaceAll("${", "\\${")}\``;

const zodOf: Readonly<Record<ItemSlot["kind"], string>> = {
  text: "z.string()",
  number: "z.number()",
  list: "z.array(z.string())",
  turns: "z.array(z.strictObject({ role: z.string(), text: z.string() }))",
};
/** As own-kind.ts makes it. */
function schemaOf(slots: readonly ItemSlot[]): string {
  const groups = Map.groupBy(slots, ({ path }) => path.split(".")[0]!);
  const parts = [...groups].map(([key, inside]) => {
    const deeper = inside
      .map((s) => ({ ...s, path: s.path.slice(key.length + 1) }))
      .filter((s) => s.path !== "");
    return `${property(key)}: ${deeper.length ? schemaOf(deeper) : zodOf[inside[0]!.kind]}`;
  });
  return `z.strictObject({ ${parts.join(", ")} })`;
}
