/**
 * llama.cpp's side of the bench, by node-llama-cpp out of the folder that TILLER_LLAMA names (npm i node-llama-cpp there).
 * argv: the case as JSON, and F32 or Q8_0. Waits for a line on stdin, works once, answers milliseconds. The sequences of a
 * batch go in step, so that each step is one full batch; free-running ones batch badly.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import path from "node:path";
import readline from "node:readline";
import { pathToFileURL } from "node:url";
import { paramSpecs, shapeOf, trainBpe, writeGguf } from "@tiller/lm";
import { rng } from "@tiller/schema";
import { sizeOf, threads } from "@tiller/tensor";
import { type Case, models } from "./shapes.ts";

interface Sequence {
  clearHistory(): Promise<void>;
  evaluate(tokens: number[], o: object): AsyncGenerator<number>;
}
interface Llama {
  loadModel(o: object): Promise<{
    createContext(o: object): Promise<{ getSequence(): Sequence }>;
  }>;
}
const c = JSON.parse(process.argv[2]!) as Case;
const type = process.argv[3] as "F32" | "Q8_0";
const { batch: B, length: T, work } = c;
// llama.cpp's GPT-2 has GELU by tanh; time and bytes are the same
const config = { ...models[c.shape]!, activation_function: "gelu_new" };
const shape = shapeOf(config);
const random = rng(1, "llama");
const draws = Float32Array.from({ length: 4099 }, () => random.normal());
const tensors = new Map(
  paramSpecs(shape).map(({ name, shape: s, init }) => {
    const data = Float32Array.from({ length: sizeOf(s) }, (_, i) =>
      init === "one" ? 1 : init === "zero" ? 0 : draws[i % 4099]! * init,
    );
    return [name, { shape: s, data }] as const;
  }),
);
// no text is read; the rest of the vocabulary is filled up
const tokenizer = trainBpe("The ship lay still. ".repeat(50), { vocabSize: 270 });
const folder = mkdtempSync(path.join(tmpdir(), "tiller-llama-"));
const file = path.join(folder, "model.gguf");
try {
  writeFileSync(file, writeGguf({ config, tensors, tokenizer }, { name: "bench", matrices: type }));
  tensors.clear();
  const at = createRequire(path.join(process.env["TILLER_LLAMA"]!, "x.js")).resolve(
    "node-llama-cpp",
  );
  const { getLlama } = (await import(pathToFileURL(at).href)) as {
    getLlama: (o: object) => Promise<Llama>;
  };
  const steps = 64;
  const llama = await getLlama({
    build: "never",
    gpu: false,
    maxThreads: threads(),
    logLevel: "error",
  });
  const model = await llama.loadModel({ modelPath: file, gpuLayers: 0 });
  const context = await model.createContext({
    contextSize: T + steps + 8,
    sequences: B,
    batchSize: T * B,
    threads: threads(),
  });
  const sequences = Array.from({ length: B }, () => context.getSequence());
  const prompt = () => Array.from({ length: T }, () => random.int(shape.vocab));
  const once = async () => {
    await Promise.all(sequences.map((s) => s.clearHistory()));
    const start = performance.now();
    const runs = sequences.map((s) =>
      s.evaluate(prompt(), { temperature: 0, yieldEogToken: true }),
    );
    const step = () => Promise.all(runs.map((r) => r.next()));
    await step();
    const first = performance.now() - start;
    const count = work === "prefill" ? 0 : steps;
    for (let i = 0; i < count; i++) await step();
    const rest = performance.now() - start - first;
    await Promise.all(runs.map((r) => r.return(0)));
    return work === "prefill" ? first : rest / steps;
  };
  await once();
  console.log(JSON.stringify({ ready: true }));
  for await (const _ of readline.createInterface({ input: process.stdin }))
    console.log(JSON.stringify({ ms: await once() }));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.exit(0);
