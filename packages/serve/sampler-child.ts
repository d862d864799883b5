/**
 * The process behind a ModelProcess: loads one checkpoint and answers what is asked of it. Prompts become tokens in a
 * thread, replies are written by a Batcher; this file reads the messages, and answers an error for the request that
 * has one.
 */
import { z } from "zod";
import { loadModel } from "@tiller/learn/model.ts";
import { endTokens, plainChatStop } from "@tiller/lm";
import { TillerError } from "@tiller/schema";
import { Batcher, contextOf, errorOf, type Prepared } from "./batcher.ts";
import { Encoder } from "./encoder.ts";
import { type Asked, Inbox, type Outbox } from "./sampler-messages.ts";

const BEAT_MS = 500;
const path = z.string({ error: "the checkpoint's folder" }).parse(process.argv[2]);

const send = (m: Outbox, sent: () => void = () => {}) => void process.send?.(m, sent);
process.on("disconnect", () => process.exit(0));
setInterval(() => send({ beat: true }), BEAT_MS);

interface Held {
  readonly batcher: Batcher;
  readonly encoder: Encoder;
  readonly eos: number;
}
async function load(): Promise<Held> {
  try {
    // on its way before the loading says nothing for a while
    await new Promise<void>((sent) => send({ loaded: false }, sent));
    const model = await loadModel(path);
    const { eos } = model.tokenizer;
    const ends = await endTokens(path, eos);
    const { tokenizerJson, shape } = model;
    return {
      batcher: new Batcher(model, { ends, send }),
      encoder: new Encoder({ path, tokenizerJson, eos, context: contextOf(shape) }),
      eos,
    };
  } finally {
    send({ loaded: true });
  }
}
let loading: Promise<Held> | undefined;
/** Loaded once; what failed is tried again at the next request. */
const held = (): Promise<Held> => {
  loading ??= load();
  loading.catch(() => (loading = undefined));
  return loading;
};

/** Requests that were taken and are not with the batcher yet. */
const preparing = new Set<number>();

async function prepared({ encoder, eos }: Held, asked: Asked): Promise<Prepared> {
  const { prompt } = asked;
  if (typeof prompt !== "string" && typeof prompt[0] === "number")
    return { ...asked, prompt: prompt as number[] };
  const text = typeof prompt === "string" ? prompt : undefined;
  const { ids, plain } = await encoder.encode(
    prompt as Exclude<typeof prompt, number[]>,
    asked.request,
  );
  if (!ids.length) ids.push(eos); // a new text begins
  return { ...asked, prompt: ids, text, stop: plain ? [...asked.stop, plainChatStop] : asked.stop };
}

async function take(asked: Asked): Promise<void> {
  preparing.add(asked.request);
  try {
    const model = await held();
    const ready = await prepared(model, asked);
    if (preparing.has(asked.request)) model.batcher.add(ready);
  } catch (e) {
    send({ request: asked.request, tokens: [], error: errorOf(e) });
  } finally {
    preparing.delete(asked.request);
  }
}

process.on("message", (raw) => {
  const read = Inbox.safeParse(raw);
  if (!read.success) {
    const { request } = raw as { request?: unknown };
    const why = z.prettifyError(read.error);
    const error = errorOf(new TillerError("bad_request", `the request cannot be read: ${why}`));
    if (typeof request === "number") send({ request, tokens: [], error });
    return;
  }
  const m = read.data;
  if (!("cancel" in m)) return void take(m);
  preparing.delete(m.cancel);
  void loading?.then(
    ({ batcher, encoder }) => {
      encoder.cancel(m.cancel);
      batcher.cancel(m.cancel);
    },
    () => {},
  );
});
void held().catch(() => {}); // who asks is told
