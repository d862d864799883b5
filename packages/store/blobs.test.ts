/** Blobs and files that are whole or not there, whoever writes them at once and whatever was there before. */
import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { afterAll, expect, test } from "vitest";
import { TillerError } from "@tiller/schema";
import { blobLines, linePieces, readBlob, writeBlob } from "./blobs.ts";
import { whileFull, writeWhole } from "./files.ts";

const home = mkdtempSync(path.join(tmpdir(), "tiller-blobs-"));
afterAll(() => rmSync(home, { recursive: true, force: true }));
const fileOf = (hash: string) => path.join(home, "blobs", hash.slice(0, 2), hash);

test("equal values written at once, from several places and processes, are whole for every writer", async () => {
  const script = `import { readBlob, writeBlob } from ${JSON.stringify(new URL("./blobs.ts", import.meta.url).href)};
    for (let k = 0; k < 4; k++) {
      const bytes = Buffer.alloc(1_000_000, String(k));
      const one = async () => (await readBlob(process.argv[1], await writeBlob(process.argv[1], bytes))).length;
      const read = await Promise.all([one(), new Promise((r) => setTimeout(r, 2)).then(one), one()]);
      if (read.some((n) => n !== bytes.length)) throw new Error("short");
    }`;
  const run = promisify(execFile);
  const args = ["--input-type=module", "-e", script, home];
  await Promise.all([run(process.execPath, args), run(process.execPath, args)]);
  const left = readdirSync(path.join(home, "blobs"), { recursive: true }).filter((f) =>
    String(f).endsWith(".part"),
  );
  expect(left).toEqual([]);
});

test("a blob that was damaged is written anew by the next writer of the same value", async () => {
  const bytes = Buffer.alloc(100_000, "x");
  const hash = await writeBlob(home, bytes);
  truncateSync(fileOf(hash), 10);
  await expect(readBlob(home, hash)).rejects.toMatchObject({ code: "damaged_blob" });
  expect(await writeBlob(home, bytes)).toBe(hash);
  expect(await readBlob(home, hash)).toEqual(bytes);
});

test("lines go in and out in pieces, whatever their length, with the hash of the whole", async () => {
  const lines = Array.from({ length: 2500 }, (_, i) => (i % 7 ? `é${i}` : ""));
  lines[1200] = "x".repeat(3_000_000); // longer than a piece that is read
  const hash = await writeBlob(home, linePieces(lines));
  const whole = Buffer.from(lines.map((l) => `${l}\n`).join(""));
  expect(await writeBlob(home, whole)).toBe(hash);
  expect(await readBlob(home, hash)).toEqual(whole);
  expect(await Array.fromAsync(blobLines(home, hash))).toEqual(lines);
  const open = await writeBlob(home, Buffer.from("a\n\nb"));
  expect(await Array.fromAsync(blobLines(home, open))).toEqual(["a", "", "b"]);
  expect(await Array.fromAsync(blobLines(home, await writeBlob(home, linePieces([]))))).toEqual([]);

  truncateSync(fileOf(hash), 5_000);
  await expect(Array.fromAsync(blobLines(home, hash))).rejects.toMatchObject({
    code: "damaged_blob",
  });
  expect(await writeBlob(home, linePieces(lines))).toBe(hash);
  expect(await Array.fromAsync(blobLines(home, hash))).toEqual(lines);
  rmSync(fileOf(hash));
  await expect(Array.fromAsync(blobLines(home, hash))).rejects.toMatchObject({
    code: "missing_blob",
  });
});

test("a file keeps its old content until the new is whole, and nothing stays beside", async () => {
  const file = path.join(home, "address");
  await Promise.all(Array.from({ length: 20 }, (_, i) => writeWhole(file, String(i).repeat(50))));
  expect(readFileSync(file, "utf8")).toMatch(/^(\d+)\1{49}$/);
  await expect(writeWhole(path.join(home, "no", "such", "folder"), "x")).rejects.toThrow("ENOENT");
  expect(readdirSync(home).filter((f) => f.endsWith(".part"))).toEqual([]);
});

test("what meets a full disk waits until there is space, or until it is stopped", async () => {
  let tries = 0;
  const full = () => new TillerError("disk_full", "no space is left.");
  const late = async () => {
    if (++tries < 3) throw full();
    return "written";
  };
  expect(await whileFull(late)).toBe("written");
  expect(tries).toBe(3);
  const never = () => Promise.reject(full());
  await expect(whileFull(never, AbortSignal.timeout(300))).rejects.toMatchObject({
    code: "disk_full",
  });
  await expect(whileFull(() => Promise.reject(new Error("other")))).rejects.toThrow("other");
});
