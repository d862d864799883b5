/** tiller restore FILE --home NEW: a home out of a backup. Every file is checked; the folder must be new or empty. */
import path from "node:path";
import { z } from "zod";
import { restoreBackup } from "@tiller/store";
import { command, verb } from "./command.ts";
import { flag } from "./flags.ts";

async function restore(o: { home: string }, file: string): Promise<number> {
  const home = path.resolve(o.home);
  const { head, files, answers, experiments } = await restoreBackup(path.resolve(file), home);
  console.log(
    `${home}: ${files} files of ${head.at}, ${answers} answers, ${experiments} experiments. Start it: npm start -- --home ${home}`,
  );
  return 0;
}

const what = "a home out of such a file, every part checked";
export const restoreCommand = command("restore", {
  "": verb({
    what,
    takes: ["FILE"],
    flags: { home: flag(z.string().min(1), "NEW", "a folder that is new or empty") },
    run: restore,
  }),
});
