/**
 * Checkpoint folders from the Hugging Face hub: only the files that are read, each checked against the hash the hub names,
 * in a folder beside the target that becomes it when all are whole. A download that broke off goes on where it stopped.
 */
import { createHash, type Hash } from "node:crypto";
import { createReadStream, existsSync } from "node:fs";
import { mkdir, open, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { TillerError } from "@tiller/schema";
import { z } from "zod";
import { diskError, flushFolder } from "./files.ts";

const Repository = z.object({
  sha: z.string().regex(/^[0-9a-f]{40}$/),
  siblings: z.array(
    z.object({
      rfilename: z.string(),
      size: z.int().nonnegative(),
      /** of files in git itself: sha1 of "blob SIZE\0" and the bytes */
      blobId: z.string(),
      lfs: z.object({ sha256: z.string() }).nullish(),
    }),
  ),
});
type File = z.infer<typeof Repository>["siblings"][number];

/** What a checkpoint folder may hold; weights are the one file, or the index and its shards. */
const small = [
  "config.json",
  "tokenizer.json",
  "tokenizer_config.json",
  "generation_config.json",
  "chat_template.jinja",
];
const shard = /^model-\d+-of-\d+\.safetensors$/;

export interface PullOptions {
  /** a branch, tag or commit; default: main */
  readonly revision?: string;
  /** default: HF_ENDPOINT, else https://huggingface.co */
  readonly endpoint?: string;
  /** default: HF_TOKEN */
  readonly token?: string | undefined;
  readonly onProgress?: (p: { file: string; bytes: number; of: number }) => void;
  /** milliseconds before the first try again; doubles */
  readonly patience?: number;
}
const TRIES = 6;

/** Downloads `name` (owner/name) into `dir`; returns the commit it is of. */
export async function pullModel(name: string, dir: string, o: PullOptions = {}): Promise<string> {
  if (!/^[\w.-]+\/[\w.-]+$/.test(name))
    throw new TillerError(
      "bad_name",
      `${name} is no owner/name. The hub's page shows it as its title.`,
    );
  const target = path.resolve(dir);
  if (existsSync(target))
    throw new TillerError("exists", `${dir} exists. Choose another --out, or delete it first.`);
  const endpoint = (o.endpoint ?? process.env["HF_ENDPOINT"] ?? "https://huggingface.co").replace(
    /\/$/,
    "",
  );
  const token = o.token ?? process.env["HF_TOKEN"];
  const get = async (url: string, headers: Record<string, string> = {}): Promise<Response> => {
    const r = await fetch(url, {
      headers: { ...headers, ...(token && { authorization: `Bearer ${token}` }) },
    });
    if (r.ok) return r;
    await r.body?.cancel();
    if (r.status === 401 || r.status === 403)
      throw new TillerError(
        "not_allowed",
        `the hub does not give ${name} ${token ? "to this token" : "without a token"} (${r.status}). Accept its terms on its page, and set HF_TOKEN.`,
      );
    if (r.status === 404)
      throw new TillerError(
        "not_found",
        `the hub has no ${name} at ${o.revision ?? "main"}. Check the spelling; a private one needs HF_TOKEN.`,
      );
    throw new Retry(`${url.slice(endpoint.length)} answered ${r.status}`);
  };

  const about = await patiently(o, () =>
    get(
      `${endpoint}/api/models/${name}/revision/${encodeURIComponent(o.revision ?? "main")}?blobs=true`,
    ).then((r) => r.json().catch(() => null)),
  );
  const read = Repository.safeParse(about);
  if (!read.success)
    throw new TillerError(
      "bad_answer",
      `${endpoint} does not answer as the hub does (${read.error.issues[0]?.path.join(".")}: ${read.error.issues[0]?.message}). Check HF_ENDPOINT.`,
    );
  const repository = read.data;
  const files = wanted(name, repository.siblings);
  const of = files.reduce((n, f) => n + f.size, 0);
  const beside = `${target}.part`;
  try {
    await mkdir(beside, { recursive: true });
    await sameCommit(beside, repository.sha);
    let before = 0;
    for (const f of files) {
      const url = `${endpoint}/${name}/resolve/${repository.sha}/${f.rfilename}`;
      await patiently(o, () =>
        download(
          path.join(beside, f.rfilename),
          f,
          (headers) => get(url, headers),
          (bytes) => o.onProgress?.({ file: f.rfilename, bytes: before + bytes, of }),
        ),
      );
      before += f.size;
    }
    await rm(path.join(beside, ".commit"));
    await flushFolder(beside);
    await rename(beside, target);
    await flushFolder(path.dirname(target));
  } catch (cause) {
    throw diskError(target, cause); // what has come stays in .part, for the next try
  }
  return repository.sha;
}

function wanted(name: string, all: readonly File[]): File[] {
  const by = new Map(all.map((f) => [f.rfilename, f]));
  const single = by.get("model.safetensors");
  const index = by.get("model.safetensors.index.json");
  const weights = single
    ? [single]
    : index
      ? [index, ...all.filter((f) => shard.test(f.rfilename))]
      : [];
  for (const [what, there] of [
    ["config.json", by.has("config.json")],
    ["weights as safetensors", weights.length > 0],
    ["tokenizer.json", by.has("tokenizer.json")],
  ] as const)
    if (!there)
      throw new TillerError(
        "unsupported_model",
        `${name} has no ${what}. Choose a repository that has, or convert it with transformers (save_pretrained) and use tiller model import.`,
      );
  return [...small.flatMap((f) => by.get(f) ?? []), ...weights];
}

/** Parts of another commit are of no use. */
async function sameCommit(beside: string, sha: string): Promise<void> {
  const file = path.join(beside, ".commit");
  if (existsSync(file) && (await readFile(file, "utf8")) === sha) return;
  await rm(beside, { recursive: true, force: true });
  await mkdir(beside, { recursive: true });
  await writeFile(file, sha);
}

async function download(
  file: string,
  f: File,
  get: (headers: Record<string, string>) => Promise<Response>,
  onBytes: (bytes: number) => void,
): Promise<void> {
  let have = existsSync(file) ? (await stat(file)).size : 0;
  if (have > f.size) have = 0;
  let hash = fresh(f);
  if (have > 0)
    for await (const piece of createReadStream(file, { end: have - 1 }))
      hash.update(piece as Buffer);
  if (have < f.size) {
    const response = await get(have > 0 ? { range: `bytes=${have}-` } : {});
    if (have > 0 && response.status !== 206) [have, hash] = [0, fresh(f)]; // the whole comes again
    const handle = await open(file, have > 0 ? "r+" : "w");
    try {
      for await (const piece of response.body!) {
        if (have + piece.length > f.size)
          throw new Retry(`${f.rfilename} is longer than the ${f.size} bytes it should have`);
        hash.update(piece);
        await handle.write(piece, 0, piece.length, have);
        have += piece.length;
        onBytes(have);
      }
      await handle.sync();
    } finally {
      await handle.close();
    }
    if (have < f.size) throw new Retry(`${f.rfilename} broke off after ${have} of ${f.size} bytes`);
  }
  onBytes(have);
  const found = hash.digest("hex");
  const named = f.lfs?.sha256 ?? f.blobId;
  if (found === named) return;
  await rm(file);
  throw new Retry(
    `${f.rfilename} has the hash ${found.slice(0, 12)}, the hub names ${named.slice(0, 12)}`,
  );
}
const fresh = (f: File): Hash =>
  f.lfs ? createHash("sha256") : createHash("sha1").update(`blob ${f.size}\0`);

/** What may go better the next time: a broken connection, a busy hub, a damaged byte. */
class Retry extends Error {}
async function patiently<T>(o: PullOptions, work: () => Promise<T>): Promise<T> {
  for (let i = 1; ; i++)
    try {
      return await work();
    } catch (e) {
      // fetch reports every trouble of the network as a TypeError
      const again = e instanceof Retry || e instanceof TypeError;
      if (!again) throw e;
      if (i === TRIES) {
        const why = e.cause instanceof Error ? e.cause.message : e.message;
        throw new TillerError(
          "download_failed",
          `the download failed ${TRIES} times: ${why}. What has come is kept; start again to go on from there.`,
          { cause: e },
        );
      }
      await sleep((o.patience ?? 500) * 2 ** (i - 1));
    }
}
