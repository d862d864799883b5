/** One probe of estimate.ts: a message comes in with what to build, one goes out with what was measured. */
import { readFileSync } from "node:fs";
import { z } from "zod";
import { ModelConfig, paramSpecs, shapeOf } from "@tiller/lm";
import { Bug, rng } from "@tiller/schema";
import { State } from "@tiller/tensor";
import { EstimateOptions, type Measured } from "./estimate.ts";
import { nextTokenLoss, nextTokens } from "./losses.ts";
import { Trainer } from "./trainer.ts";

const Message = z.strictObject({ config: ModelConfig, layers: z.int(), o: EstimateOptions });

process.once("message", (message) => {
  const { config, layers, o } = Message.parse(message);
  const shape = { ...shapeOf(config), layers };
  const specs = paramSpecs(shape);
  const state = new State();
  const random = rng(1, "estimate");
  // a period of normal draws, repeated: quick to fill, and as good for time and memory
  const draws = Float32Array.from({ length: 4096 }, () => random.normal());
  for (const { name, shape: s, init } of specs) {
    const { data } = state.buffer(name, s, "float32");
    if (init === "one") data.fill(1);
    else if (init !== "zero")
      for (let i = 0; i < data.length; i++) data[i] = draws[i & 4095]! * init;
  }
  const unused = (): never => {
    throw new Bug("a probe reads no text");
  };
  const tokenizer = {
    vocabSize: shape.vocab,
    eos: 0,
    pad: 0,
    start: [],
    control: new Set<number>(),
    encode: unused,
    decode: unused,
    bytes: unused,
  };
  const model = {
    id: "",
    shape,
    config,
    specs,
    state,
    tokenizer,
    tokenizerJson: null,
    pooling: "mean" as const,
    pad: undefined,
    chatFiles: {},
  };
  const began = performance.now();
  using t = new Trainer(model, {
    recompute: o.recompute,
    ...(o.rank && { lora: { rank: o.rank } }),
  });
  const rows = Array.from({ length: o.batch }, () => ({
    tokens: Array.from({ length: o.length + 1 }, () => random.int(shape.vocab)),
  }));
  const batch = nextTokens(rows, { length: o.length });
  const step = () => {
    const start = performance.now();
    t.forwardBackward(batch, nextTokenLoss, { ...(o.micro && { micro: o.micro }) });
    t.optimStep({ lr: 1e-4 });
    return (performance.now() - start) / 1000;
  };
  step();
  const firstSeconds = (performance.now() - began) / 1000;
  step(); // the allocator settles
  const times: number[] = [];
  // enough for a steady median, and no more than some seconds
  while (times.length < 3 || (times.length < 9 && times.reduce((a, b) => a + b) < 3))
    times.push(step());
  const seconds = times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)]!;
  const kilobytes = /VmHWM:\s+(\d+)/.exec(
    process.platform === "linux" ? readFileSync("/proc/self/status", "utf8") : "",
  )?.[1];
  const megabytes = Number(kilobytes ?? process.resourceUsage().maxRSS) / 1024;
  const measured: Measured = { seconds, firstSeconds, megabytes };
  process.send!(measured, () => process.exit(0));
});
