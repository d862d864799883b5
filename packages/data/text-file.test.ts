import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, expect, test } from "vitest";
import { readText } from "./text-file.ts";

const dir = mkdtempSync(path.join(tmpdir(), "tiller-text-"));
afterAll(() => rmSync(dir, { recursive: true }));
const of = (bytes: Buffer, encoding?: string) => {
  writeFileSync(path.join(dir, "book.txt"), bytes);
  return readText(path.join(dir, "book.txt"), { name: "book.txt", encoding });
};

test("a book is read as what it is, or refused with the place", async () => {
  expect(await of(Buffer.from("\ufeffCafé\r\n"))).toBe("Café\r\n");
  expect(await of(Buffer.from("\ufeffCafé", "utf16le"))).toBe("Café");
  const old = Buffer.from("Chapter\nCaf\xe9", "latin1");
  await expect(of(old)).rejects.toThrow("book.txt: line 2: byte 12 of the file, 0xe9, is no UTF-8");
  expect(await of(old, "windows-1252")).toBe("Chapter\nCafé");
  await expect(of(Buffer.from("a\0b"))).rejects.toThrow(
    'book.txt has a NUL character after "a", which the database does not keep',
  );
  await expect(readText(dir, { name: "dir" })).rejects.toThrow("there is no file dir");
});
