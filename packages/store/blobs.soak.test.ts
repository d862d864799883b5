/** A blob above 2 GiB, which no single read takes: written, found again and read line by line in little memory. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, expect, test } from "vitest";
import { blobBytes, blobLines, readBlob, writeBlob } from "./blobs.ts";

const home = mkdtempSync(path.join(process.env["TILLER_LARGE"] ?? tmpdir(), "tiller-blobs-"));
afterAll(() => rmSync(home, { recursive: true, force: true }));

test("2.2 GB of lines", async () => {
  const piece = Buffer.from(`${"0123456789".repeat(9_999)}012345678\n`.repeat(100)); // 10 MB, 100 lines
  const content: Iterable<Uint8Array> = {
    *[Symbol.iterator]() {
      for (let i = 0; i < 220; i++) yield piece;
    },
  };
  const before = process.memoryUsage().rss;
  const hash = await writeBlob(home, content);
  expect(await blobBytes(home, hash)).toBe(2_200_000_000);
  expect(await writeBlob(home, content)).toBe(hash);
  let [lines, characters] = [0, 0];
  for await (const line of blobLines(home, hash)) {
    lines++;
    characters += line.length + 1;
  }
  expect([lines, characters]).toEqual([22_000, 2_200_000_000]);
  expect(process.memoryUsage().rss - before).toBeLessThan(5e8);
  await expect(readBlob(home, hash)).rejects.toMatchObject({ code: "too_large" });
}, 600_000);
