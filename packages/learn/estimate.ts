/**
 * What a run will need, before it is begun: the real training step of the same model with few blocks is run in processes
 * of their own, and drawn out to all blocks, since time and memory grow with each block alike. So the machine, its load
 * and every option of the trainer are in the numbers.
 */
import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { type ModelConfig, parameterCount, paramSpecs, shapeOf } from "@tiller/lm";
import { TillerError } from "@tiller/schema";

export const EstimateOptions = z.strictObject({
  batch: z.int().positive().describe("rows a step"),
  length: z.int().positive().describe("tokens a row"),
  micro: z.int().positive().optional().describe("rows at a time"),
  recompute: z.boolean().default(false),
  rank: z
    .int()
    .positive()
    .optional()
    .describe("of adapters, where those learn beside a frozen base"),
});
export type EstimateOptions = z.infer<typeof EstimateOptions>;
export const Measured = z.object({
  /** the median step */
  seconds: z.number(),
  /** from an empty process to the end of the first step */
  firstSeconds: z.number(),
  /** of the process, at its peak */
  megabytes: z.number(),
});
export type Measured = z.infer<typeof Measured>;
export interface Estimate extends Measured {
  readonly parameters: number;
  /** how many blocks the probes had; the model's own number: nothing was drawn out */
  readonly probes: readonly number[];
}

/** Runs the training step of the model with `layers` blocks a few times, in a process of its own. */
export function measureSteps(
  config: ModelConfig,
  layers: number,
  o: EstimateOptions,
): Promise<Measured> {
  const child = fork(fileURLToPath(new URL("estimate-child.ts", import.meta.url)), {
    stdio: ["ignore", "inherit", "pipe", "ipc"],
  });
  child.send({ config, layers, o });
  return new Promise((resolve, reject) => {
    let said = "";
    child.stderr!.on("data", (piece: Buffer) => (said += piece.toString()));
    child.once("message", (m) => resolve(Measured.parse(m)));
    child.once("exit", (code, signal) =>
      reject(
        new TillerError(
          "probe_failed",
          signal === "SIGKILL"
            ? `a probe with ${layers} blocks was killed, as the system does when memory runs out. Give a smaller batch, --micro, or --recompute.`
            : `a probe with ${layers} blocks ended with ${code ?? signal}: ${said.trim().split("\n").at(-1) ?? ""}`,
        ),
      ),
    );
  });
}

/** Parameters, seconds a step and peak memory of training `config` with AdamW. Takes some seconds a probe. */
export async function estimate(
  config: ModelConfig,
  o: EstimateOptions,
  onProbe: (layers: number) => void = () => {},
): Promise<Estimate> {
  const shape = shapeOf(config);
  if (o.length > shape.positions)
    throw new TillerError(
      "too_long",
      `${o.length} tokens a row, but the model has ${shape.positions} positions. Use shorter rows.`,
    );
  const parameters = parameterCount(paramSpecs(shape));
  // the further apart, the less a probe's own noise is drawn out
  const probes =
    shape.layers <= 4 ? [shape.layers] : [2, Math.min(8, Math.max(4, Math.ceil(shape.layers / 2)))];
  const made: Measured[][] = probes.map(() => []);
  // each twice, in turns, and the quicker one counts: what else the machine does must not look like a block's work
  for (let round = 0; round < 2; round++)
    for (const [i, layers] of probes.entries()) {
      if (round === 0) onProbe(layers);
      made[i]!.push(await measureSteps(config, layers, o));
    }
  const least = (xs: readonly Measured[]): Measured => ({
    seconds: Math.min(...xs.map((x) => x.seconds)),
    firstSeconds: Math.min(...xs.map((x) => x.firstSeconds)),
    megabytes: Math.max(...xs.map((x) => x.megabytes)),
  });
  const [few, more] = made.map(least) as [Measured, Measured?];
  const drawn = (key: keyof Measured): number =>
    more ? few[key] + ((more[key] - few[key]) * (shape.layers - 2)) / (probes[1]! - 2) : few[key];
  return {
    parameters,
    probes,
    seconds: drawn("seconds"),
    firstSeconds: drawn("firstSeconds"),
    megabytes: drawn("megabytes"),
  };
}
