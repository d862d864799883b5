/**
 * Debate trees of DC-Debates (Recchia et al. 2026, github.com/scalable-oversight/dc-debates, debates/…/json) as rules and a log of ours.
 * Two threads run side by side: under each side's answer the other side makes its claims, the last of them that they suffice to
 * reject what they are about; the author picks one of the three and goes on about it. Which of two children was picked is seen from
 * its having children. A reference to a source becomes a quote of it. The tree has no times: moves are numbered. Who was A and who B
 * was drawn anew for every judge, so the list of answers is drawn from the room's name.
 */
import { z } from "zod";
import { rng, TillerError } from "@tiller/schema";
import type { Act, Content, Move } from "./moves.ts";
import type { Imported } from "./nyu.ts";
import { parseRules, type Rules } from "./rules.ts";

interface Node {
  readonly id: number;
  readonly text: string;
  readonly debater: "questioner" | "honest" | "dishonest";
  readonly honest_response: string;
  readonly dishonest_response: string;
  readonly children: readonly Node[];
}
const Node: z.ZodType<Node> = z.object({
  id: z.int(),
  text: z.string(),
  debater: z.enum(["questioner", "honest", "dishonest"]),
  honest_response: z.string(),
  dishonest_response: z.string(),
  get children() {
    return z.array(Node);
  },
});
const DcTree = z.object({ root: Node, defs_and_sources: z.string().default("") });

/** What a side may answer to a claim; the last where the file has nothing. */
const responses = ["Yes", "Yes but omits key info", "No", "no answer"];
const TEXT = "sources";
const sides = ["honest", "dishonest"] as const;

/** Sources and definitions as one text, with the place of each by its id. */
function sourcesOf(markup: string) {
  const places = new Map<string, { from: number; to: number }>();
  let body = "";
  const add = (id: string, before: string, quote: string, after: string) => {
    body += `${body && "\n\n"}${before}`;
    places.set(id, { from: body.length, to: body.length + quote.length });
    body += `${quote}${after}`;
  };
  for (const m of markup.matchAll(
    /<ref\b([\s\S]*?)\/>|<def\s+id="([^"]*)"\s*>([\s\S]*?)<\/def>/g,
  )) {
    if (m[2] !== undefined) add(m[2], "", plain(m[3]!), "");
    else {
      const get = (name: string) =>
        plain(new RegExp(`\\b${name}="([\\s\\S]*?)"(?=\\s+[a-z]+=|\\s*$)`).exec(m[1]!)?.[1] ?? "");
      const author = get("author");
      if (get("quote") !== "") add(get("id"), "", get("quote"), author && ` (${author})`);
    }
  }
  return { body, places };
}
/** Without markup that a page shows and a text cannot. */
const plain = (text: string): string =>
  text
    .replaceAll(/<br\s*\/?>|<li>/g, "\n")
    .replaceAll(/<(?:img|figref)\b[^>]*>/g, "[figure]")
    .replaceAll(/<\/?(?:a|i|b|em|strong|ul|li|sup|sub|figref|ref)(?:\s[^>]*)?>/g, "")
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&quot;", '"')
    .replaceAll("&amp;", "&");

export function importDc(name: string, given: unknown): Imported {
  const parsed = DcTree.safeParse(given);
  const problem = (why: string) =>
    new TillerError(
      "bad_tree",
      `${name} is no tree of DC-Debates: ${why}. It has a root with an honest and a dishonest answer, and claims below them.`,
    );
  if (!parsed.success) {
    const { path, message } = parsed.error.issues[0]!;
    throw problem(`${path.join(".")}: ${message}`);
  }
  const { root } = parsed.data;
  const tops = sides.map((s) => root.children.find((c) => c.debater === s));
  const [honest, dishonest] = tops;
  if (!honest || !dishonest || root.children.length !== 2)
    throw problem(`the root has ${root.children.length} answers`);
  const rounds = roundsOf([honest, dishonest], problem);
  return {
    name,
    rules: rulesOf(name, rounds),
    log: logOf(name, parsed.data, [honest, dishonest], rounds),
    human: true,
    debate: true,
    occupants: {},
    judgments: [],
  };
}

interface DcRound {
  /** what each thread adds, and which of them goes on */
  readonly added: readonly { readonly items: readonly Node[]; readonly picked: Node | undefined }[];
}
function roundsOf(tops: readonly Node[], problem: (why: string) => TillerError): DcRound[] {
  const rounds: DcRound[] = [];
  for (let at = tops; at.some((n) => n.children.length > 0);) {
    const added = at.map(({ id, debater, children }) => {
      const going = children.filter((c) => c.children.length > 0);
      if (going.length > 1)
        throw problem(`the debate about ${id} goes on at ${going.map((c) => c.id).join(" and ")}`);
      if (children.length === 0) throw problem(`one thread ends at ${id}, the other goes on`);
      if (children.some((c) => c.debater === debater))
        throw problem(`${id} has a claim by its own side`);
      return { items: children, picked: going[0] };
    });
    if (new Set(added.map((a) => a.picked === undefined)).size > 1)
      throw problem("one thread ends before the other");
    rounds.push({ added });
    at = added.flatMap((a) => a.picked ?? []);
  }
  return rounds;
}

function rulesOf(name: string, rounds: readonly DcRound[]): Rules {
  const both = { seats: ["a", "b"], together: true };
  const most = Math.max(1, ...rounds.flatMap((r) => r.added.map((a) => a.items.length)));
  const speak = { ...both, do: "speak", characters: 10_000 };
  return parseRules(
    {
      name: "dc-debates-imported",
      source: "as the room's own file has it; Recchia et al. 2026, DC-Debates",
      seats: {
        a: { role: "debater", knows: ["text", "truth"] },
        b: { role: "debater", knows: ["text", "truth"] },
        judge: { role: "judge", knows: ["text"] },
      },
      rounds: [
        { ...speak, label: "openings" },
        ...rounds.flatMap((r, i) => [
          {
            ...speak,
            label: `statements-${i + 1}`,
            items: { least: 1, most },
            about: i === 0 ? "openings" : `statements-${i}`,
          },
          {
            ...both,
            do: "mark",
            label: `reactions-${i + 1}`,
            of: `statements-${i + 1}`,
            whose: "all",
            labels: responses,
          },
          ...(r.added.every((a) => a.picked)
            ? [{ ...both, do: "pick", label: `crux-${i + 1}`, from: { of: `statements-${i + 1}` } }]
            : []),
        ]),
      ],
      scoring: { rule: "log", base: 2 },
    },
    name,
  );
}

function logOf(
  name: string,
  tree: z.infer<typeof DcTree>,
  tops: readonly [Node, Node],
  rounds: readonly DcRound[],
): Move[] {
  const { body, places } = sourcesOf(tree.defs_and_sources);
  const seats = { honest: "a", dishonest: "b", questioner: "" } as const;
  /** ids of the tree as ids of items */
  const items = new Map<number, string>();
  const content = (text: string): Content => {
    const parts: Content[number][] = [];
    let end = 0;
    const add = (piece: string) => {
      const shown = plain(piece).replaceAll(/\[(\d+|None)\]/g, (whole, id: string) =>
        items.has(Number(id)) ? `[${items.get(Number(id))}]` : whole,
      );
      if (shown !== "") parts.push({ text: shown });
    };
    for (const m of text.matchAll(/<ref\b[^>]*?\bid="([^"]*)"[^>]*?\/?>/g)) {
      add(text.slice(end, m.index));
      end = m.index + m[0].length;
      const at = places.get(m[1]!);
      parts.push(at ? { quote: { text: TEXT, ...at } } : { text: `[${m[1]}]` });
    }
    add(text.slice(end));
    return parts;
  };

  const log: Move[] = [];
  const add = (seat: string, act: Act) =>
    log.push({ id: `${log.length}`, seat, at: log.length, act });
  const listed = rng(1, "list of answers", name).shuffle([0, 1]);
  const [truth, lie] = [listed.indexOf(0), listed.indexOf(1)];
  add("room", {
    do: "open",
    question: plain(tree.root.text),
    answers: listed.map((i) => plain(tops[i]!.text.replaceAll(/<ref\b[^>]*>/g, ""))),
    truth,
    texts: body === "" ? [] : [{ id: TEXT, title: "Definitions and sources", body }],
    sides: { a: truth, b: lie },
    first: rng(1, "whom a judge sees first", name).shuffle(["a", "b"]),
  });
  for (const top of tops) {
    const seat = seats[top.debater];
    add(seat, { do: "speak", items: [{ content: [...content(top.text)] }] });
    items.set(top.id, `0.${seat}.1`);
  }
  let at: readonly Node[] = tops;
  let visit = 1;
  for (const { added } of rounds) {
    for (const [i, { items: nodes }] of added.entries()) {
      const seat = seats[nodes[0]!.debater];
      const about = items.get(at[i]!.id)!;
      nodes.forEach((n, k) => items.set(n.id, `${visit}.${seat}.${k + 1}`));
      add(seat, {
        do: "speak",
        items: nodes.map((n) => ({ content: [...content(n.text)], about })),
      });
    }
    for (const side of sides)
      add(seats[side], {
        do: "mark",
        marks: Object.fromEntries(
          added.flatMap((a) =>
            a.items.map((n) => {
              const said = side === "honest" ? n.honest_response : n.dishonest_response;
              const known = responses.find((r) => r === said);
              if (!known && said !== "")
                throw new TillerError(
                  "bad_tree",
                  `${name}: claim ${n.id} has the response ${said}; known are ${responses.join(", ")}.`,
                );
              return [items.get(n.id)!, known ?? "no answer"];
            }),
          ),
        ),
      });
    const next = added.flatMap((a) => a.picked ?? []);
    for (const [i, picked] of next.entries())
      add(seats[at[i]!.debater], { do: "pick", choice: { item: items.get(picked.id)! } });
    at = next;
    visit += next.length > 0 ? 3 : 2;
  }
  return log;
}
