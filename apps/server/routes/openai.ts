/** The served models, as OpenAI's API has it: /v1/models and /v1/completions, streaming or not. */
import { Hono } from "hono";
import { streamSSE } from "hono/streaming";
import { randomUUID } from "node:crypto";
import { z } from "zod";
import { type Checkpoint, TillerError } from "@tiller/schema";
import { listCheckpoints } from "@tiller/store";
import { type Deps, type Env } from "../context.ts";

const Completion = z.object({
  model: z.string(),
  prompt: z.union([z.string(), z.array(z.string()).min(1).max(16)]),
  max_tokens: z.int().min(1).max(1024).nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  n: z.int().min(1).max(16).nullish(),
  seed: z.int().nullish(),
  stop: z.union([z.string(), z.array(z.string()).max(4)]).nullish(),
  logprobs: z.int().min(0).max(5).nullish(),
  stream: z.boolean().nullish(),
});
const fail = (message: string, code: string, param: string | null = null) => ({
  error: { message, type: "invalid_request_error", param, code },
});
const seconds = (iso: string) => Math.floor(Date.parse(iso) / 1000);

/** The newest checkpoint of each name, and every one by its id. */
const served = async (d: Deps): Promise<Checkpoint[]> => {
  const language = (await listCheckpoints(d.store.db)).filter((c) => c.kind !== "reward");
  return language.filter((c, i) => language.findIndex((o) => o.name === c.name) === i);
};

export const openaiRoutes = (d: Deps) =>
  new Hono<Env>()
    .get("/models", async (c) =>
      c.json({
        object: "list",
        data: (await served(d)).map((m) => ({
          id: m.name,
          object: "model",
          created: seconds(m.createdAt),
          owned_by: "tiller",
          checkpoint: m.id,
        })),
      }),
    )
    .get("/models/:id", async (c) => {
      const m = (await served(d)).find((x) => x.name === c.req.param("id"));
      return m
        ? c.json({
            id: m.name,
            object: "model",
            created: seconds(m.createdAt),
            owned_by: "tiller",
            checkpoint: m.id,
          })
        : c.json(fail(`The model ${c.req.param("id")} does not exist.`, "model_not_found"), 404);
    })
    .post("/completions", async (c) => {
      const parsed = Completion.safeParse(await c.req.json().catch(() => undefined));
      if (!parsed.success) {
        const issue = parsed.error.issues[0]!;
        return c.json(
          fail(
            `${issue.path.join(".") || "body"}: ${issue.message}`,
            "invalid_value",
            issue.path.join(".") || null,
          ),
          400,
        );
      }
      const r = parsed.data;
      const all = await listCheckpoints(d.store.db);
      const model =
        (await served(d)).find((m) => m.name === r.model) ??
        all.find((m) => m.id === r.model && m.kind !== "reward");
      if (!model)
        return c.json(
          fail(
            `The model ${r.model} does not exist. There are: ${(await served(d)).map((m) => m.name).join(", ") || "none yet"}.`,
            "model_not_found",
            "model",
          ),
          404,
        );

      const prompts = Array.isArray(r.prompt) ? r.prompt : [r.prompt];
      const stop =
        r.stop === null || r.stop === undefined ? [] : Array.isArray(r.stop) ? r.stop : [r.stop];
      const head = {
        id: `cmpl-${randomUUID()}`,
        object: "text_completion",
        created: Math.floor(Date.now() / 1000),
        model: model.name,
        system_fingerprint: model.id,
      };
      const jobs = prompts.flatMap((prompt, p) =>
        Array.from({ length: r.n ?? 1 }, (_, k) => ({ prompt, index: p * (r.n ?? 1) + k })),
      );
      const generate = (j: (typeof jobs)[0], signal: AbortSignal) =>
        d.sampler.generate(
          {
            path: model.path,
            prompt: j.prompt,
            maxTokens: r.max_tokens ?? 16,
            temperature: r.temperature ?? 1,
            topP: r.top_p ?? 1,
            seed: (r.seed ?? Math.floor(Math.random() * 2 ** 31)) + j.index,
            stop,
          },
          signal,
        );
      c.header("x-tiller-checkpoint", model.id);

      if (r.stream)
        return streamSSE(c, async (stream) => {
          const abort = new AbortController();
          stream.onAbort(() => abort.abort());
          try {
            for (const j of jobs) {
              let finish = "length";
              for await (const part of generate(j, abort.signal)) {
                if (part.finish) finish = part.finish;
                if (part.text)
                  await stream.writeSSE({
                    data: JSON.stringify({
                      ...head,
                      choices: [
                        { text: part.text, index: j.index, logprobs: null, finish_reason: null },
                      ],
                    }),
                  });
              }
              await stream.writeSSE({
                data: JSON.stringify({
                  ...head,
                  choices: [{ text: "", index: j.index, logprobs: null, finish_reason: finish }],
                }),
              });
            }
          } catch (e) {
            await stream.writeSSE({
              data: JSON.stringify(
                fail((e as Error).message, e instanceof TillerError ? e.code : "server_error"),
              ),
            });
          }
          await stream.writeSSE({ data: "[DONE]" });
        });

      const usage = { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 };
      const choices = [];
      for (const j of jobs) {
        let [text, finish] = ["", "length"];
        const tokens: string[] = [];
        const logprobs: number[] = [];
        for await (const part of generate(j, c.req.raw.signal)) {
          text += part.text;
          if (part.finish) finish = part.finish;
          if (part.promptTokens) usage.prompt_tokens += part.promptTokens;
          if (part.logprob === undefined) continue;
          tokens.push(part.text);
          logprobs.push(part.logprob);
        }
        usage.completion_tokens += tokens.length;
        choices.push({
          text,
          index: j.index,
          finish_reason: finish,
          logprobs:
            r.logprobs === null || r.logprobs === undefined
              ? null
              : { tokens, token_logprobs: logprobs, top_logprobs: null, text_offset: null },
        });
      }
      usage.total_tokens = usage.prompt_tokens + usage.completion_tokens;
      return c.json({ ...head, choices, usage });
    });
