/**
 * tiller backup FILE [--home DIR]: database, blobs, models, jobs and keys of a home as one file, while its server runs
 * or not. A name that ends in .gz is compressed.
 */
import { existsSync } from "node:fs";
import path from "node:path";
import { TillerError } from "@tiller/schema";
import { defaultHome, openStore, writeBackup } from "@tiller/store";
import { command, verb } from "./command.ts";
import { homeFlag } from "./flags.ts";

async function backup(o: { home?: string | undefined }, file: string): Promise<number> {
  const [home, out] = [path.resolve(o.home ?? defaultHome()), path.resolve(file)];
  if (!existsSync(home))
    throw new TillerError("no_home", `there is no home ${home}. Name it with --home.`);
  if (existsSync(out))
    throw new TillerError("file_exists", `${out} is there already. Give another name.`);
  await using store = await openStore({
    home,
    databaseUrl: process.env["DATABASE_URL"],
    guest: true,
  });
  const { files, bytes } = await writeBackup(store, out);
  console.log(
    `${out}: ${files} files, ${(bytes / 1e6).toFixed(1)} MB of ${home}. It has all answers, keys and password hashes: keep it where only you read it.`,
  );
  return 0;
}

const what = "a home as one file, while its server runs or not";
export const backupCommand = command("backup", {
  "": verb({
    what: `${what}; a name that ends in .gz is compressed`,
    takes: ["FILE"],
    flags: { home: homeFlag },
    run: backup,
  }),
});
