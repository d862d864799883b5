/** Rooms of a folder: the NYU platform's JSON, a file a room, beside its metadata; archives are unpacked into a temporary folder. */
import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import os from "node:os";
import path from "node:path";
import { gunzipSync } from "node:zlib";
import { z } from "zod";
import {
  importClaimTree,
  importDc,
  importNyu,
  type Imported,
  parseRules,
  RoomFile,
} from "@tiller/room";
import { TillerError } from "@tiller/schema";

const Metadata = z.object({
  name: z.string(),
  includedInPaper: z.boolean(),
  setting: z.object({ isHuman: z.boolean(), isDebate: z.boolean() }).optional(),
});
type Metadata = z.infer<typeof Metadata>;

export interface Debates {
  readonly rooms: readonly Imported[];
  /** names of the rooms in the paper; undefined: no metadata */
  readonly included: ReadonlySet<string> | undefined;
  readonly notRooms: readonly string[];
}
const isMetadata = (file: string) => /metadata\.jsonl?(\.gz)?$/.test(file);

/** A JSON file's value; one line with its name where it is none. */
export function readJson(file: string): unknown {
  if (!existsSync(file))
    throw new TillerError("no_file", `there is no file ${file}. Check the path.`);
  const bytes = readFileSync(file);
  const text = (file.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString("utf8");
  try {
    return /\.jsonl(\.gz)?$/.test(file)
      ? text
          .split("\n")
          .filter((line) => line.trim() !== "")
          .map((line) => JSON.parse(line) as unknown)
      : (JSON.parse(text) as unknown);
  } catch (cause) {
    throw new TillerError(
      "bad_json",
      `${file} is no JSON: ${(cause as Error).message}. Take it out of the folder, or mend it.`,
      { cause },
    );
  }
}

export async function readDebates(folder: string): Promise<Debates> {
  if (!existsSync(folder))
    throw new TillerError("no_file", `there is no folder ${folder}. Check the path.`);
  const unpacked = mkdtempSync(path.join(os.tmpdir(), "tiller-debates-"));
  try {
    const listed = readdirSync(folder, { recursive: true, encoding: "utf8" });
    for (const archive of listed.filter((f) => /\.tar(\.[gx]z)?$/.test(f)))
      unpack(path.join(folder, archive), unpacked);
    const inside = readdirSync(unpacked, { recursive: true, encoding: "utf8" });
    return readFiles([
      ...listed.map((f) => path.join(folder, f)),
      ...inside.map((f) => path.join(unpacked, f)),
    ]);
  } finally {
    rmSync(unpacked, { recursive: true, force: true });
  }
}

function unpack(archive: string, into: string): void {
  const tar = spawnSync("tar", ["-xf", path.resolve(archive), "-C", into], { encoding: "utf8" });
  if (tar.status !== 0)
    throw new TillerError(
      "bad_archive",
      `tar could not unpack ${archive}: ${tar.error?.message ?? tar.stderr.trim().split("\n")[0]}. Install tar and xz, or unpack it yourself.`,
    );
}

function readFiles(files: readonly string[]): Debates {
  const metadata = new Map<string, Metadata>();
  for (const file of files.filter(isMetadata)) {
    const rows = z.array(Metadata).safeParse(readJson(file));
    if (!rows.success) {
      const { path: at, message } = rows.error.issues[0]!;
      throw new TillerError(
        "bad_metadata",
        `${file}: row ${String(at[0])}, ${at.slice(1).join(".")}: ${message}. It is the platform's metadata, or called otherwise.`,
      );
    }
    for (const row of rows.data) metadata.set(row.name, row);
  }
  const rooms = new Map<string, Imported>();
  const notRooms: string[] = [];
  for (const file of files.filter((f) => f.endsWith(".json") && !isMetadata(f))) {
    const given = readJson(file);
    if (!isRoom(given)) {
      notRooms.push(path.basename(file));
      continue;
    }
    const name = path.basename(file, ".json");
    if (rooms.has(name))
      throw new TillerError(
        "two_rooms",
        `two rooms are called ${name}; the second is ${file}. A name stands for one room: take one out.`,
      );
    const room = importNyu(name, given);
    const setting = metadata.get(name)?.setting;
    const { isHuman: human, isDebate: debate } = setting ?? {
      isHuman: room.human,
      isDebate: room.debate,
    };
    rooms.set(name, { ...room, human, debate });
  }
  if (rooms.size === 0)
    throw new TillerError(
      "no_rooms",
      `there are no rooms among ${files.length} files: a room is a JSON file with setup and rounds.`,
    );
  const paper = [...metadata.values()].filter((m) => m.includedInPaper).map((m) => m.name);
  return {
    rooms: [...rooms.values()],
    included: metadata.size > 0 ? new Set(paper) : undefined,
    notRooms,
  };
}

const isRoom = (given: unknown): boolean =>
  typeof given === "object" && given !== null && "setup" in given && "rounds" in given;

const has = (given: unknown, ...fields: string[]): boolean =>
  typeof given === "object" && given !== null && fields.every((f) => Object.hasOwn(given, f));

/** The rooms of a file, or of a folder's files and archives; of a folder, without those in which somebody practised. */
export async function roomsIn(
  given: string,
  o: { practice: boolean } = { practice: false },
): Promise<Omit<Imported, "human" | "debate">[]> {
  if (!statSync(given, { throwIfNoEntry: false })?.isDirectory()) return [readRoom(given)];
  const files = readdirSync(given).filter((f) => f.endsWith(".json") && !isMetadata(f));
  return files.length > 0
    ? files
        .toSorted()
        .map((f) => path.join(given, f))
        .filter((f) => o.practice || !isPractice(f))
        .map(readRoom)
    : [...(await readDebates(given)).rooms];
}

/** What somebody did in practice is no result. */
export const isPractice = (file: string): boolean => {
  const ours = RoomFile.safeParse(readJson(file));
  return ours.success && ours.data.practice === true;
};

/** One room out of a file: ours, the NYU platform's, a tree of DC-Debates, or a claim tree. */
export function readRoom(file: string): Omit<Imported, "human" | "debate"> {
  const given = readJson(file);
  const name = path.basename(file, ".json");
  if (isRoom(given)) return importNyu(name, given);
  if (has(given, "root", "nextId")) return importDc(name, given);
  if (has(given, "root", "truth")) return importClaimTree(name, given);
  const ours = RoomFile.safeParse(given);
  if (ours.success) {
    const { occupants = {}, judgments = [], log, asked } = ours.data;
    return {
      ...(asked ? { asked } : {}),
      name: ours.data.name,
      log,
      occupants,
      judgments,
      rules: parseRules(ours.data.rules, file),
    };
  }
  const { path: at, message } = ours.error.issues[0]!;
  throw new TillerError(
    "bad_room",
    `${file} is neither a room of Tiller (${at.join(".")}: ${message}), nor one of the NYU platform, nor a tree of DC-Debates or of claims. docs/rooms.md has all four.`,
  );
}

/** What is known of a room, as `tiller room show` reads it. */
export function saveRoom(out: string, room: Omit<Imported, "human" | "debate">): void {
  const file = { kind: "tiller-room", version: 1, ...room };
  writeFileSync(out, `${JSON.stringify(file, undefined, 1)}\n`);
}
