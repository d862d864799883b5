/** Files of items: kept for a day, so that a lead sends one once, corrects how it is read, and then posts it. */
import { randomUUID } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { z } from "zod";
import { fileKinds, TillerError } from "@tiller/schema";
import type { ItemFile } from "@tiller/data";
import { spooled } from "./spool.ts";

const DAY_MS = 24 * 3600_000;
const About = z.strictObject({
  name: z.string(),
  kind: z.enum(fileKinds),
  encoding: z.string().optional(),
  separator: z.string().optional(),
});
const folderOf = (home: string) => path.join(home, "uploads", "items");

/** Keeps a body as a file; what `look` refuses is not kept. */
export async function keepUpload<T>(
  home: string,
  body: globalThis.ReadableStream<Uint8Array> | null,
  about: z.infer<typeof About>,
  look: (file: ItemFile) => Promise<T>,
): Promise<T & { file: string }> {
  const folder = folderOf(home);
  const id = randomUUID();
  const kept = path.join(folder, id);
  await mkdir(folder, { recursive: true });
  await forgetOld(folder);
  return spooled(home, body, async (file) => {
    const seen = await look({ path: file, ...about });
    await writeFile(`${kept}.json`, JSON.stringify(about));
    await rename(file, kept);
    return { ...seen, file: id };
  });
}

/** The file that an upload is called by. */
export async function uploadNamed(home: string, id: string): Promise<ItemFile> {
  const file = path.join(folderOf(home), z.uuid().parse(id));
  const about = await readFile(`${file}.json`, "utf8").catch(() => undefined);
  if (about === undefined)
    throw new TillerError(
      "not_found",
      `there is no uploaded file ${id}, or its day is over. Send the file again.`,
    );
  return { path: file, ...About.parse(JSON.parse(about)) };
}

async function forgetOld(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const file = path.join(folder, name);
    const found = await stat(file).catch(() => undefined); // another request removed it meanwhile
    if (found && Date.now() - found.mtimeMs > DAY_MS) await rm(file, { force: true });
  }
}
