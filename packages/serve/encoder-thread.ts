/**
 * Prompts to token ids, in a thread of its own: a chat template or a tokenizer's pattern is the checkpoint's program,
 * and can run for ever or fill the memory. The thread's owner ends it then.
 */
import { parentPort, workerData } from "node:worker_threads";
// not the whole room: the thread needs no tensors, and begins sooner
import { type ChatTemplate, loadChatTemplate, plainChat } from "@tiller/lm/chat-template.ts";
import { encodePrompt } from "@tiller/lm/prompt.ts";
import { loadTokenizerJson } from "@tiller/lm/tokenizer.ts";
import { TillerError } from "@tiller/schema";
import type { Encoded, EncoderData, Prompt } from "./encoder.ts";

const data = workerData as EncoderData;

/** Every token holds at most so many bytes of text; undefined where a text can shrink before it is cut into tokens. */
function longestToken(tokenizer: { vocabSize: number; bytes(id: number): Uint8Array }) {
  const json = data.tokenizerJson as {
    model?: { type?: string; byte_fallback?: boolean };
    normalizer?: unknown;
    pre_tokenizer?: unknown;
    added_tokens?: readonly { content: string }[];
  };
  const keeps = /"type":"(?!Sequence"|Prepend"|Replace"|NFC")/;
  const whole =
    json.model?.type === "BPE" &&
    !keeps.test(JSON.stringify(json.normalizer ?? null)) &&
    (json.model.byte_fallback || JSON.stringify(json.pre_tokenizer ?? null).includes("ByteLevel"));
  if (!whole) return undefined;
  let longest = 4; // NFC makes characters of up to three
  for (let id = 0; id < tokenizer.vocabSize; id++)
    longest = Math.max(longest, tokenizer.bytes(id).length);
  for (const { content } of json.added_tokens ?? [])
    longest = Math.max(longest, Buffer.byteLength(content));
  return longest;
}

const load = async () => {
  const tokenizer = loadTokenizerJson(data.tokenizerJson, { eos: data.eos });
  const chat = await loadChatTemplate(data.path);
  const longest = longestToken(tokenizer);
  const bounded = {
    ...tokenizer,
    encode: (text: string, o?: Parameters<typeof tokenizer.encode>[1]) => {
      const bytes = Buffer.byteLength(text);
      if (longest !== undefined && bytes > longest * data.context)
        throw new TillerError(
          "too_long",
          `a prompt of ${bytes} bytes cannot fit in the ${data.context} tokens that there is room for: this model's longest token has ${longest} bytes. Shorten the prompt.`,
        );
      return tokenizer.encode(text, o);
    },
  };
  return { tokenizer: bounded, chat };
};

function encoded(
  prompt: Prompt,
  m: { tokenizer: Awaited<ReturnType<typeof load>>["tokenizer"]; chat: ChatTemplate | undefined },
): Encoded {
  const { tokenizer, chat } = m;
  if (typeof prompt !== "string" && chat)
    return { ids: chat.encode(prompt, tokenizer), plain: false };
  const words = typeof prompt === "string" ? prompt : plainChat(prompt);
  return { ids: encodePrompt(tokenizer, words).ids, plain: typeof prompt !== "string" };
}

const port = parentPort!;
const loading = load();
// each request tells the error; without one there is nobody to tell
loading.catch(() => {});
await loading.then(
  () => port.postMessage({ ready: true }),
  () => port.postMessage({ ready: true }),
);
port.on("message", (prompt: Prompt) => {
  void loading
    .then((m) => port.postMessage({ encoded: encoded(prompt, m) }))
    .catch((e: unknown) =>
      port.postMessage({
        error: {
          code: e instanceof TillerError ? e.code : "bad_prompt",
          message: (e as Error).message,
        },
      }),
    );
});
