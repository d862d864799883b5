/** A model endpoint of many moods, each of which somebody's endpoint has had. */
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import type { Rng } from "@tiller/schema";
import { anything, mutateJson, texts } from "./mutate.ts";

const good = (content: unknown) => ({
  model: "wild",
  choices: [{ index: 0, message: { role: "assistant", content }, finish_reason: "stop" }],
  usage: { prompt_tokens: 10, completion_tokens: 5 },
});
type Mood = (to: ServerResponse, r: Rng) => void;
const json = (to: ServerResponse, status: number, body: unknown, headers = {}) =>
  void to
    .writeHead(status, { "content-type": "application/json", ...headers })
    .end(JSON.stringify(body));
const moods: readonly Mood[] = [
  (to) => json(to, 200, good("true")),
  (to, r) => json(to, 200, good(r.choose(texts))),
  (to, r) => json(to, 200, mutateJson(r, good("true"))),
  (to, r) => json(to, 200, anything(r)),
  (to, r) =>
    json(
      to,
      r.choose([301, 400, 401, 404, 413, 418, 429, 500, 503]),
      { error: { message: r.choose(texts) } },
      { "retry-after": r.choose(["0", "-1", "soon", "0.01"]) },
    ),
  (to) => void to.writeHead(200).end('{"choices":[{"mess'),
  (to) => to.destroy(),
  (to) => json(to, 200, good("[".repeat(50_000))),
  (to) =>
    void to
      .writeHead(200, { "content-type": "application/json", "content-encoding": "gzip" })
      .end(gzipSync(Buffer.alloc(100e6, " "))),
  (to) => {
    to.writeHead(200, { "content-type": "application/json" });
    const timer = setInterval(() => to.write(" ".repeat(1e5)), 5);
    to.on("close", () => clearInterval(timer));
  },
];

export async function wildEndpoint(random: Rng): Promise<{ baseURL: string } & Disposable> {
  const server = createServer((request, to) => {
    request.resume().on("end", () => random.choose(moods)(to, random));
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return {
    baseURL: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    [Symbol.dispose]: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
