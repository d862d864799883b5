/** Pulling from a hub that is played in process: connections break, bytes are damaged, some things are not allowed. */
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { loadCheckpoint } from "./checkpoint.ts";
import { pullModel } from "./hub.ts";

// sharded, with an index; a tokenizer is added beside it
const source = path.join(import.meta.dirname, "golden", "llama2");
const tokenizer = readFileSync(path.join(import.meta.dirname, "../../models/base/tokenizer.json"));
const scratch = mkdtempSync(path.join(tmpdir(), "tiller-hub-"));
const files = new Map<string, Buffer>([
  ...readdirSync(source)
    .filter((f) => f !== "golden.json")
    .map((f) => [f, readFileSync(path.join(source, f))] as const),
  ["tokenizer.json", tokenizer],
  ["pytorch_model.bin", Buffer.alloc(10)],
]);
const sha = "0123456789abcdef0123456789abcdef01234567";
const hex = (kind: string, ...parts: (Buffer | string)[]) =>
  parts.reduce((h, p) => h.update(p), createHash(kind)).digest("hex");

let asked: { file: string; range: string | undefined; token: string | undefined }[] = [];
/** what goes wrong with the next answer for a file */
let trouble = new Map<string, ("break" | "damage" | "busy")[]>();
let allowed: (r: IncomingMessage) => number = () => 200;
const server = createServer((request, response) => {
  const status = allowed(request);
  if (status !== 200) return response.writeHead(status).end();
  const url = request.url!;
  if (url.startsWith("/api/models/me/odd/"))
    return response.end("<html>sign in to the network</html>");
  if (url.startsWith("/api/models/me/it/revision/main?"))
    return response.end(
      JSON.stringify({
        sha,
        siblings: [...files].map(([rfilename, bytes]) => ({
          rfilename,
          size: bytes.length,
          blobId: hex("sha1", `blob ${bytes.length}\0`, bytes),
          ...(rfilename.endsWith(".safetensors") && { lfs: { sha256: hex("sha256", bytes) } }),
        })),
      }),
    );
  const file = path.basename(url);
  const bytes = files.get(file);
  if (!url.startsWith(`/me/it/resolve/${sha}/`) || !bytes) return response.writeHead(404).end();
  const { range, authorization } = request.headers;
  asked.push({ file, range, token: authorization });
  const from = Number(/^bytes=(\d+)-$/.exec(range ?? "")?.[1] ?? 0);
  const what = trouble.get(file)?.shift();
  if (what === "busy") return response.writeHead(503).end();
  const sent = Buffer.from(bytes.subarray(from));
  if (what === "damage") sent[sent.length >> 1]! ^= 1;
  response.writeHead(from ? 206 : 200, { "content-length": sent.length });
  if (what !== "break") return response.end(sent);
  // some time later, so that what was sent has come
  response.write(sent.subarray(0, sent.length >> 1), () => {
    setTimeout(() => response.destroy(), 200);
  });
  return response;
});
let endpoint = "";
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
beforeEach(() => {
  [asked, trouble, allowed] = [[], new Map(), () => 200];
});
afterAll(() => {
  server.close();
  rmSync(scratch, { recursive: true, force: true });
});
const to = (name: string) => path.join(scratch, name);
const pull = (name: string, o: object = {}) =>
  pullModel("me/it", to(name), { endpoint, patience: 1, ...o });
const shards = [...files.keys()].filter((f) => f.startsWith("model-"));

test("a sharded model comes whole, without what is not read, and loads", async () => {
  const seen: number[] = [];
  const all = { onProgress: (p: { bytes: number }) => seen.push(p.bytes), token: "hf_secret" };
  expect(await pull("whole", all)).toBe(sha);
  expect(shards.length).toBeGreaterThan(1);
  expect(readdirSync(to("whole")).toSorted()).toEqual(
    [...files.keys()]
      .filter((f) => !["pytorch_model.bin", "gradients.safetensors"].includes(f))
      .toSorted(),
  );
  const { tensors } = await loadCheckpoint(to("whole"));
  const alone = await loadCheckpoint(to("whole"));
  expect(tensors.size).toBe(alone.tensors.size);
  const total = readdirSync(to("whole")).reduce(
    (n, f) => n + statSync(path.join(to("whole"), f)).size,
    0,
  );
  expect(seen.at(-1)).toBe(total);
  expect(seen).toEqual(seen.toSorted((a, b) => a - b));
  expect(asked.every((a) => a.token === "Bearer hf_secret")).toBe(true);
  await expect(pull("whole")).rejects.toThrow("exists. Choose another --out");
});

test("a broken connection goes on where it stopped; damage and a busy hub are tried again", async () => {
  const [first, second] = shards as [string, string];
  trouble = new Map([
    [first, ["break", "break"]],
    [second, ["damage", "busy"]],
  ]);
  await pull("again");
  const half = files.get(first)!.length >> 1;
  const of = (file: string) => asked.filter((a) => a.file === file).map((a) => a.range);
  expect(of(first)).toEqual([undefined, `bytes=${half}-`, expect.stringMatching(/^bytes=\d+-$/)]);
  expect(of(second)).toEqual([undefined, undefined, undefined]);
  for (const f of shards)
    expect(readFileSync(path.join(to("again"), f)).equals(files.get(f)!)).toBe(true);
});

test("what came before a failure is kept for the next start", async () => {
  const last = shards.at(-1)!;
  trouble.set(last, new Array(6).fill("busy"));
  await expect(pull("later")).rejects.toThrow(/failed 6 times: .*503\. What has come is kept/);
  expect(existsSync(to("later"))).toBe(false);
  asked = [];
  await pull("later");
  expect(asked.map((a) => a.file)).toEqual([last]);
});

test("parts of another commit are thrown away", async () => {
  trouble.set(shards[0]!, new Array(6).fill("busy"));
  await expect(pull("moved")).rejects.toThrow("failed 6 times");
  writeFileSync(path.join(to("moved.part"), ".commit"), "f".repeat(40));
  asked = [];
  await pull("moved");
  expect(asked.map((a) => a.file)).toContain("config.json");
});

test("what cannot be had says why", async () => {
  allowed = () => 401;
  await expect(pull("x")).rejects.toThrow(
    "without a token (401). Accept its terms on its page, and set HF_TOKEN",
  );
  allowed = () => 404;
  await expect(pull("x")).rejects.toThrow("the hub has no me/it at main");
  await expect(pullModel("it", to("x"), { endpoint })).rejects.toThrow("it is no owner/name");
  allowed = () => 200;
  await expect(pullModel("me/odd", to("x"), { endpoint })).rejects.toThrow(
    "does not answer as the hub does",
  );
  files.delete("tokenizer.json");
  await expect(pull("x")).rejects.toThrow("me/it has no tokenizer.json");
  files.set("tokenizer.json", tokenizer);
  await expect(
    pullModel("me/it", to("x"), { endpoint: "http://127.0.0.1:1", patience: 1 }),
  ).rejects.toThrow(/failed 6 times: .*(ECONNREFUSED|bad port)/);
});
