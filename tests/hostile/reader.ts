/**
 * The child that reads hostile files, one a message, as a user's command would: says whether each was taken or refused.
 * What it must not do is anything else: fail otherwise, hang, grow, die. Run by run.ts.
 */
import { importAnswers } from "@tiller/data";
import { importModel, loadChatTemplate, loadTokenizer } from "@tiller/lm";
import { TillerError } from "@tiller/schema";
import { openStore, type Store } from "@tiller/store";
import type { Hostile } from "./files.ts";

const home = process.argv[2]!;
const samples = ["Hello, world!", "a".repeat(5000), "<|endoftext|> 北京 👩‍👩‍👧‍👦 e\u0301", ""];
let store: Promise<Store> | undefined;

const readers: Readonly<Record<Hostile["kind"], (h: Hostile) => Promise<unknown>>> = {
  model: (h) => importModel(h.path),
  tokenizer: async (h) => {
    const tokenizer = await loadTokenizer(h.path);
    for (const text of samples) tokenizer.decode(tokenizer.encode(text));
    const template = await loadChatTemplate(h.path);
    template?.encode([{ role: "user", content: "Hi <|endoftext|>" }], tokenizer);
  },
  table: async (h) =>
    importAnswers(await (store ??= openStore({ home })), {
      file: h.path,
      name: h.path,
      format: h.format ?? "answers",
      kind: undefined,
      experiment: undefined,
      raterPrefix: undefined,
      dry: true,
      now: new Date(0),
    } as unknown as Parameters<typeof importAnswers>[1]),
};

process.on("message", (h: Hostile) => {
  void (async () => {
    try {
      await readers[h.kind](h);
      process.send!({ type: "taken" });
    } catch (e) {
      const own = e instanceof TillerError;
      const { message, stack } = e as Error;
      process.send!(
        own ? { type: "refused", code: e.code, message } : { type: "raw", message, stack },
      );
    }
  })();
});
process.on("disconnect", () => {
  void (async () => {
    await (await store)?.close();
    process.exit(0);
  })();
});
process.send!({ type: "ready" });
