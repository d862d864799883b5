/** tiller restore FILE --home NEW: a home out of a backup. Every file is checked; the folder must be new or empty. */
import path from "node:path";
import { z } from "zod";
import { TillerError } from "@tiller/schema";
import { restoreBackup } from "@tiller/store";
import { parseFlags } from "./flags.ts";

export async function run([file, ...rest]: string[]): Promise<number> {
  if (!file || file.startsWith("--"))
    throw new TillerError("bad_command", "say what to restore: tiller restore FILE --home NEW");
  const o = parseFlags(rest, { home: z.string().min(1) });
  const home = path.resolve(o.home);
  const { head, files, answers, runs } = await restoreBackup(path.resolve(file), home);
  console.log(
    `${home}: ${files} files of ${head.at}, ${answers} answers, ${runs} runs. Start it: npm start -- --home ${home}`,
  );
  return 0;
}
