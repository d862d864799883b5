/** The child process behind SamplerPool: loads a checkpoint once, answers requests in turn. */
import { z } from "zod";
import { loadModel, type Model } from "@tiller/learn";
import { Sampler } from "@tiller/lm";
import { rng, TillerError } from "@tiller/schema";
import { GenerateRequest, type Part } from "./sampler.ts";

const Inbox = z.union([
  z.strictObject({ cancel: z.int() }),
  GenerateRequest.extend({ request: z.int() }),
]);
const models = new Map<string, { model: Model; sampler: Sampler }>();
const cancelled = new Set<number>();
let turn: Promise<void> = Promise.resolve();
const send = (p: Part) => process.send?.(p);
process.on("disconnect", () => process.exit(0));

process.on("message", (raw) => {
  const m = Inbox.parse(raw);
  if ("cancel" in m) cancelled.add(m.cancel);
  else
    turn = turn
      .then(() => answer(m))
      .catch(
        (e: unknown) =>
          void send({
            request: m.request,
            text: "",
            error: {
              code: e instanceof TillerError ? e.code : "server_error",
              message: (e as Error).message,
            },
          }),
      );
});

async function answer(r: GenerateRequest & { request: number }): Promise<void> {
  const { request } = r;
  let held = models.get(r.path);
  if (!held) {
    const model = await loadModel(r.path);
    models.set(r.path, (held = { model, sampler: new Sampler(model.shape, model.state, 1) }));
    if (models.size > 4) models.delete(models.keys().next().value!);
  }
  const { model, sampler } = held;
  const { tokenizer } = model;
  const prompt = tokenizer.encode(r.prompt).slice(-(model.shape.positions - r.maxTokens));
  if (r.maxTokens >= model.shape.positions)
    throw new TillerError(
      "too_long",
      `max_tokens ${r.maxTokens} does not fit: the model has ${model.shape.positions} positions, prompt included. Ask for fewer.`,
    );
  if (!prompt.length) prompt.push(tokenizer.eos);

  // a character can span tokens: only whole ones are sent
  let sent = "";
  let finish: "stop" | "length" = "length";
  sampler.sample([prompt], {
    maxTokens: r.maxTokens,
    temperature: r.temperature,
    topP: r.topP,
    rngs: [rng(r.seed, "serve")],
    onStep: ([tokens], [logprobs]) => {
      if (cancelled.delete(request)) return false;
      const ended = tokens!.at(-1) === tokenizer.eos;
      let text = tokenizer.decode(tokens!.filter((t) => t !== tokenizer.eos));
      if (!ended && text.endsWith("\ufffd") && tokens!.length < r.maxTokens) return true;
      const at = Math.min(...r.stop.map((s) => text.indexOf(s)).filter((i) => i >= 0), Infinity);
      if (at < Infinity) text = text.slice(0, at);
      send({
        request,
        text: text.slice(sent.length),
        logprob: logprobs!.at(-1)!,
        ...(sent === "" && tokens!.length === 1 ? { promptTokens: prompt.length } : {}),
      });
      sent = text;
      if (ended || at < Infinity) finish = "stop";
      return !(ended || at < Infinity);
    },
  });
  send({ request, text: "", finish });
  await new Promise((resolve) => setImmediate(resolve));
}
