/**
 * PEFT's adapter_config.json (0.21): what of it a sum depends on is used, what chose layers, trained or started them is passed
 * over, and every other key is refused by its name unless it says nothing.
 */
import { TillerError } from "@tiller/schema";
import { z } from "zod";
import { bounded } from "./bounded.ts";

const rank = z.int().positive().max(65_536);
const x = z.number();
/** Patterns by name of module; each is a regular expression of the file's. */
const patterns = <T extends z.ZodType>(value: T) =>
  z
    .record(z.string().max(1000), value)
    .refine((p) => Object.keys(p).length <= 10_000, "more than 10,000 patterns")
    .nullish();

export const AdapterConfig = z.looseObject({
  peft_type: z.string(),
  task_type: z.string().nullish(),
  base_model_name_or_path: z.string().nullish(),
  r: rank,
  lora_alpha: x,
  use_rslora: z.boolean().nullish(),
  use_dora: z.boolean().nullish(),
  rank_pattern: patterns(rank),
  alpha_pattern: patterns(x),
  bias: z.enum(["none", "all", "lora_only"]).nullish(),
  modules_to_save: z.array(z.string()).max(10_000).nullish(),
});
export type AdapterConfig = z.infer<typeof AdapterConfig>;

/** Keys that chose the layers, trained them or began them: the tensors say what came of it. Conv1D is known by the model. */
const settled = new Set(
  (
    "target_modules exclude_modules layers_to_transform layers_pattern lora_dropout fan_in_fan_out inference_mode " +
    "revision auto_mapping peft_version megatron_core qalora_group_size eva_config corda_config lora_ga_config " +
    "loftq_config runtime_config _custom_modules"
  ).split(" "),
);
/** Starts that leave the base's own weights as they are; PiSSA, OLoRA, LoftQ and others change them. */
const starts: readonly unknown[] = [null, true, false, "gaussian", "eva", "orthogonal"];
const tasks: readonly unknown[] = [null, "CAUSAL_LM", "SEQ_CLS", "FEATURE_EXTRACTION"];

const saysNothing = (value: unknown): boolean =>
  value === null ||
  value === false ||
  (typeof value === "object" && Object.keys(value).length === 0);

export function refuseAdapter(c: AdapterConfig, file: string): void {
  const refused = (key: string, value: unknown) =>
    new TillerError(
      "unsupported_model",
      `${file} has ${key} ${JSON.stringify(value)?.slice(0, 200)}, which is not computed here. Merge the adapter with PEFT (merge_and_unload, then save_pretrained) and import the folder.`,
    );
  const own = new Set(Object.keys(AdapterConfig.shape));
  if (c.peft_type !== "LORA") throw refused("peft_type", c.peft_type);
  if (!tasks.includes(c.task_type ?? null)) throw refused("task_type", c.task_type);
  for (const [key, value] of Object.entries(c)) {
    if (own.has(key) || settled.has(key)) continue;
    const fine =
      key === "init_lora_weights" ? starts.includes(value ?? null) : saysNothing(value ?? null);
    if (!fine) throw refused(key, value);
  }
}

/** The value of the first pattern that is the name's end, after a dot or the beginning, as PEFT finds it. */
function byPattern<T>(
  table: Readonly<Record<string, T>> | null | undefined,
  module: string,
  file: string,
): T | undefined {
  for (const [pattern, value] of Object.entries(table ?? {})) {
    const late = () =>
      new TillerError(
        "bad_config",
        `${file}: the pattern ${JSON.stringify(pattern)} takes too long. Name the layers instead.`,
      );
    const found = bounded(
      1000,
      () => {
        try {
          return new RegExp(`^(.*\\.)?(${pattern})$`).test(module);
        } catch (cause) {
          throw new TillerError(
            "bad_config",
            `${file}: the pattern ${JSON.stringify(pattern)} is no regular expression. Correct the file.`,
            { cause },
          );
        }
      },
      late,
    );
    if (found) return value;
  }
  return undefined;
}

/** What a layer's adapter counts: alpha / rank, or alpha / sqrt(rank) (Kalajdzievski 2023). `rank`: that of its tensors. */
export function adapterScale(
  c: AdapterConfig,
  module: string,
  o: { readonly rank: number; readonly file: string },
): number {
  const said = byPattern(c.rank_pattern, module, o.file) ?? c.r;
  if (said !== o.rank)
    throw new TillerError(
      "damaged_checkpoint",
      `${o.file} says rank ${said} for ${module}, its tensors have ${o.rank}. Take the adapter from its source again.`,
    );
  const alpha = byPattern(c.alpha_pattern, module, o.file) ?? c.lora_alpha;
  return alpha / (c.use_rslora ? Math.sqrt(said) : said);
}
