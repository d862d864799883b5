/**
 * A trace out of the very file that shows it. Each block is gzipped text in a script element of its own; the browser
 * keeps it as text until a node of it is opened, and forgets the opened blocks that were used longest ago.
 */
import { z } from "zod";
import {
  NodeRest,
  NodeView,
  StoredTraceFileHead,
  type TraceFileHead,
  TraceFound,
  TraceNode,
} from "@tiller/schema";
import type { TraceSource } from "./source.ts";

const KEPT_BLOCKS = 8; // opened ones, about half a megabyte each

function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}
const textOf = (id: string): string | undefined =>
  document.getElementById(id)?.textContent ?? undefined;

async function opened<T>(id: string, schema: z.ZodType<T>): Promise<T> {
  const packed = textOf(id);
  if (packed === undefined)
    throw new Error(`This file has no ${id}: it was cut off. Export the experiment again.`);
  const stream = new Blob([bytesOf(packed)]).stream().pipeThrough(new DecompressionStream("gzip"));
  return schema.parse(await new Response(stream).json());
}

/** All of the file has arrived: blocks stand behind the viewer. */
const whole = new Promise<void>((resolve) => {
  if (document.readyState !== "loading") resolve();
  else document.addEventListener("DOMContentLoaded", () => resolve());
});

export function headOfFile(): TraceFileHead {
  const bytes = bytesOf(textOf("head") ?? "");
  return StoredTraceFileHead.parse(JSON.parse(new TextDecoder().decode(bytes)));
}

export function fileSource({ experiment, exportedAt }: TraceFileHead): TraceSource {
  const light = opened("nodes", z.array(TraceNode));
  const places = light.then((nodes) => new Map(nodes.map((n, i) => [n.id, i])));
  const starts = whole.then(() => opened("starts", z.array(z.int())));
  const blocks = new Map<number, Promise<NodeRest[]>>();
  const block = (k: number): Promise<NodeRest[]> => {
    const known = blocks.get(k) ?? opened(`block-${k}`, z.array(NodeRest));
    blocks.delete(k);
    blocks.set(k, known); // the newest stands last
    if (blocks.size > KEPT_BLOCKS) blocks.delete(blocks.keys().next().value!);
    return known;
  };
  return {
    experiment,
    seenAt: Date.parse(exportedAt),
    watch: ({ nodes, settled }) => {
      let ended = false;
      light.then(
        (all) => {
          if (ended) return;
          nodes(all);
          settled();
        },
        (e: unknown) => ended || settled(e as Error),
      );
      return () => {
        ended = true;
      };
    },
    node: async (id) => {
      const at = (await places).get(id);
      if (at === undefined) throw new Error(`This file has no node ${id}.`);
      const first = await starts;
      let k = first.length - 1;
      while (k > 0 && first[k]! > at) k--;
      const rest = (await block(k)).find((r) => r.id === id);
      if (!rest)
        throw new Error(`Block ${k} of this file lacks ${id}. Export the experiment again.`);
      return NodeView.parse({ ...(await light)[at]!, ...rest, wait: null });
    },
    // block by block, none of them kept: slow for 100 MB (bench/results), flat in memory
    search: async (text) => {
      const needle = text.toLowerCase();
      const quoted = JSON.stringify(needle).slice(1, -1);
      const nodes: string[] = [];
      for (const k of (await starts).keys())
        for (const rest of await opened(`block-${k}`, z.array(NodeRest)))
          if (JSON.stringify(rest).toLowerCase().includes(quoted)) nodes.push(rest.id);
      return TraceFound.parse({ nodes, complete: true });
    },
  };
}
