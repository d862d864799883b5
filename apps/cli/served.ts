/** The verbs of tiller model that change what is served: on the running server, or the database of a home without one. */
import path from "node:path";
import { z } from "zod";
import { findServed, listServed, promote, registerFolder } from "@tiller/lab";
import { loadCheckpoint } from "@tiller/lm";
import { type PersonId, readNumber, type ServedModel, TillerError } from "@tiller/schema";
import { type Db, defaultHome, ensurePerson, openStore } from "@tiller/store";
import { verb } from "./command.ts";
import { flag, homeFlag } from "./flags.ts";
import { orWithoutServer, remote, remoteFlags } from "./remote.ts";
import { table } from "./table.ts";

const why = flag(z.string().max(500).default(""), "TEXT", "what the record says");
const promoteFlags = {
  name: flag(z.string().min(1).optional(), "NAME", "what it is served by (its own unless said)"),
  why,
  ...remoteFlags,
};
const rollbackFlags = { why, ...remoteFlags };
const registerFlags = {
  name: flag(z.string().min(1).optional(), "NAME", "its own (default: the folder's)"),
  home: homeFlag,
};
type Flags<S extends z.ZodRawShape> = z.infer<z.ZodObject<S>>;

/** As whom the home's key acts too. */
const researcher = async (db: Db): Promise<PersonId> => {
  const role = "researcher";
  return (await ensurePerson(db, { id: role, name: "Researcher", pseudonym: role, role })).id;
};
const figures = (metrics: Readonly<Record<string, number>>): string =>
  Object.entries(metrics)
    .map(([name, x]) => `${name} ${readNumber(x)}`)
    .join(", ");
const standing = (s: ServedModel) => s.versions.find((v) => v.checkpoint.id === s.served);

const all = (o: Flags<typeof remoteFlags>): Promise<ServedModel[]> =>
  orWithoutServer(
    o,
    () => remote(o).listServed(),
    ({ db }) => listServed(db),
  );

async function versions(o: Flags<typeof remoteFlags>): Promise<number> {
  const served = await all(o);
  if (o.json) console.log(JSON.stringify(served));
  else if (!served.length)
    console.log("No checkpoints yet. A job makes them, or: tiller model register DIR");
  else
    console.log(
      table(
        ["model", "id", "role", "served", "figures"],
        served.flatMap((s) =>
          s.versions.map(({ version, checkpoint: c }) => [
            `${s.name}@${version}`,
            c.id.slice(0, 12),
            c.role,
            c.id === s.served ? `as ${s.name}` : "",
            figures(c.metrics),
          ]),
        ),
      ),
    );
  return 0;
}

async function change(
  o: Flags<typeof rollbackFlags>,
  body: { model: string; name?: string | undefined; why: string },
): Promise<number> {
  const done = await orWithoutServer(
    o,
    () => remote(o).promoteModel({ body }),
    async ({ db }) => promote(db, { ...body, by: await researcher(db) }),
  );
  console.log(
    o.json ? JSON.stringify(done) : `${done.name} is ${done.name}@${standing(done)?.version} now.`,
  );
  return 0;
}

const promoteTo = (o: Flags<typeof promoteFlags>, model: string): Promise<number> =>
  change(o, { model, name: o.name, why: o.why });

/** To what was served before. */
async function rollback(o: Flags<typeof rollbackFlags>, name: string): Promise<number> {
  const found = (await all(o)).find((s) => s.name === name);
  const before = found?.history.find((p) => p.promoted && p.checkpoint !== found.served);
  if (!before)
    throw new TillerError(
      "nothing_before",
      `nothing was served as ${name} before${found ? ` ${name}@${standing(found)?.version ?? "?"}` : ""}. tiller model versions has them all.`,
    );
  return change(o, { model: `${name}@${before.version}`, name, why: o.why || "rolled back" });
}

/** A folder that was imported or pulled becomes a checkpoint of the home, which can be served. */
async function register(o: Flags<typeof registerFlags>, dir: string): Promise<number> {
  const folder = path.resolve(dir);
  const { meta } = await loadCheckpoint(folder);
  const home = path.resolve(o.home ?? defaultHome());
  await using store = await openStore({
    home,
    databaseUrl: process.env["DATABASE_URL"],
    guest: true,
  });
  const name = o.name ?? path.basename(folder);
  const version = await registerFolder(store.db, folder, name, meta);
  const model = `${name}@${version}`;
  if (meta.role !== "reward" && !(await findServed(store.db, name)))
    await promote(store.db, { model, by: await researcher(store.db), why: "registered" });
  console.log(
    `${model}, id ${meta.id.slice(0, 12)}. Keep ${folder} where it is: it is read from there.`,
  );
  return 0;
}

export const servedVerbs = {
  versions: verb({
    what: "checkpoints by name, with their figures, and which are served",
    flags: remoteFlags,
    run: versions,
  }),
  promote: verb({
    what: "serve a version by its name",
    takes: ["NAME@VERSION|ID"],
    flags: promoteFlags,
    run: promoteTo,
  }),
  rollback: verb({
    what: "serve what was served before",
    takes: ["NAME"],
    flags: rollbackFlags,
    run: rollback,
  }),
  register: verb({
    what: "a folder as a checkpoint of the home",
    takes: ["DIR"],
    flags: registerFlags,
    run: register,
  }),
};
