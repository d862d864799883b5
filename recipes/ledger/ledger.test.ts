/** Books whose truth the text tells, arms whose minutes and labels are what was read, and a network whose two computations agree. */
import { rng } from "@tiller/schema";
import { expect, test } from "vitest";
import { sampling } from "./learn.ts";
import { freshWeights, Scorer, Trainer } from "./network.ts";
import {
  type Arm,
  demonstrationMinutes,
  demonstrators,
  judgePair,
  labelOf,
  READ,
  readChunk,
  readNode,
  trueOf,
  WRITE,
} from "./oversee.ts";
import { accuracy, type Choose, mentionsOf, type Node, Reader, wordsOfEntries } from "./reading.ts";
import { labelsOf } from "./run.ts";
import { books, countWords, fillers, KNOWN, movedTo, objects, patterns, people } from "./story.ts";

const between = fillers(
  "The sea was calm and the wind came from the west. It is a long way to the cape for any ship. Call me what you will today.",
);
const tell = (chunks: number, dependence: number, n = 12) =>
  books(between, { n, seed: 7, name: "test", chunks, dependence });
/** The tree of somebody who takes what is true wherever it can be chosen. */
const careful = (reader: Reader, book: ReturnType<typeof tell>[number], context = true) =>
  reader.tree(
    book,
    (groups, { height, index }) =>
      groups.map((g) => {
        const none = g.candidates.length - 1;
        if (height > 0) return none - 1; // the last line
        const to = trueOf(book, index, index + 1).get(g.object) ?? -1;
        const found = g.candidates.findIndex((c) => c.to === to);
        return found < 0 ? none : found;
      }),
    { context },
  );

test("a book's truth is what its chunks tell, in order; a third of what is told moves nothing", () => {
  for (const book of tell(16, 0.15)) {
    const moved = trueOf(book, 0, 16);
    expect(book.truth).toEqual(objects.map((_, o) => moved.get(o) ?? -1));
    for (const chunk of book.chunks) {
      expect(chunk.words).toBe(countWords(chunk.text));
      expect(chunk.words).toBeGreaterThanOrEqual(100);
      expect(chunk.words).toBeLessThan(125);
      expect(mentionsOf(chunk.text).length).toBe(chunk.told.length);
      for (const [i, m] of mentionsOf(chunk.text).entries()) {
        const t = chunk.told[i]!;
        expect(m.object).toBe(t.it ? -1 : t.object);
        expect(new Set(m.people)).toEqual(new Set([t.giver, t.other]));
      }
    }
  }
  const told = tell(16, 0.15, 100).flatMap((b) => b.chunks.flatMap((c) => c.told));
  const still = told.filter((t) => movedTo(t) < 0).length / told.length;
  expect(still).toBeGreaterThan(0.27);
  expect(still).toBeLessThan(0.37);
  expect(told.every((t) => t.pattern < KNOWN)).toBe(true);
});

test("chunks begin with 'it' as often as asked, and only the end of the chunk before says what it is", () => {
  for (const dependence of [0, 0.3, 1]) {
    const all = tell(16, dependence, 60).flatMap((b) =>
      b.chunks.slice(1).map((c, i) => ({ before: b.chunks[i]!, first: c.told[0] })),
    );
    const led = all.filter((x) => x.first?.it);
    expect(Math.abs(led.length / all.length - dependence)).toBeLessThan(0.05);
    for (const { before, first } of led) {
      const last = before.told.at(-1)!;
      expect(movedTo(last)).toBeGreaterThanOrEqual(0);
      expect(first!.object).toBe(last.object);
    }
  }
});

test("whoever reads every node rightly has the book right with context, and not without it", () => {
  const reader = new Reader();
  const right = (context: boolean) =>
    tell(16, 0.5).map((b) => accuracy(careful(reader, b, context).at(-1)!.output, b.truth));
  expect(right(true)).toEqual(right(true).map(() => 1));
  expect(Math.min(...right(false))).toBeLessThan(1);
});

test("trees have four outputs a node: 8, 16 and 32 chunks take 11, 21 and 43 nodes", () => {
  const reader = new Reader();
  const sizes = [8, 16, 32].map((n) => careful(reader, tell(n, 0.15, 1)[0]!).length);
  expect(sizes).toEqual([11, 21, 43]);
});

test("demonstrators misread a third of the patterns, the same ones each time", () => {
  const by = demonstrators(rng(3, "d"));
  expect(by.misread.filter((p) => p > 0.5)).toHaveLength(Math.floor(KNOWN / 3));
  expect(by).toEqual(demonstrators(rng(3, "d")));
  expect(patterns.length).toBeGreaterThan(KNOWN);
  expect(people).toHaveLength(12);
});

const coin: Choose = (groups) => groups.map((g) => g.candidates.length - 1); // nothing to say
const uniform = (seed: number): Choose => {
  const draw = rng(seed, "uniform");
  return (groups) => groups.map((g) => draw.int(g.candidates.length));
};

test.each<[Exclude<Arm, "H">, "node" | "passage" | "book" | "nothing"]>([
  ["A", "node"],
  ["G", "node"],
  ["B", "passage"],
  ["C", "book"],
  ["D", "nothing"],
  ["E", "nothing"],
])("a label of arm %s costs the minutes of reading a %s and both outputs", (arm, reads) => {
  const reader = new Reader();
  const book = tell(16, 0.15, 1)[0]!;
  const nodes = reader.tree(book, coin, { context: arm !== "G" });
  let seen: readonly Node[] = [];
  const draw = rng(2, arm);
  for (let i = 0; i < 30; i++) {
    const choose = uniform(i);
    const before = draw.state();
    const label = labelOf(arm, { reader, sample: { book, nodes }, choose, noise: 0, draw });
    if (!label) continue;
    expect(draw.state()).not.toEqual(before);
    const words = label.minutes * READ;
    if (reads === "nothing") expect(label.minutes).toBe(0);
    if (reads === "passage") expect(words).toBeCloseTo(160, 9);
    if (reads === "book") {
      const all = book.chunks.reduce((n, c) => n + c.words, 0);
      expect(words - all).toBeGreaterThan(0);
      expect(words - all).toBeLessThanOrEqual(4 * objects.length);
    }
    if (reads === "node") expect(words).toBeLessThanOrEqual(160);
    seen = nodes;
  }
  expect(seen.length).toBe(21);
});

test("a node's label: input and both outputs are counted, and the one that is nearer to the input wins", () => {
  const reader = new Reader();
  const book = tell(16, 0.15, 1)[0]!;
  const right = careful(reader, book);
  const empty = reader.tree(book, coin, { context: true });
  const first = empty.find((n, i) => n.height === 0 && right[i]!.output.length > 0)!;
  const i = empty.indexOf(first);
  const chosen = first.groups.map((g) => {
    const at = g.candidates.findIndex((c) => c.to === (readNode(book, first).get(g.object) ?? -1));
    return at;
  });
  const output = [...readChunk(book.chunks[first.from]!, first.context)].map(([object, to]) => ({
    object,
    to,
  }));
  const pair = { book, first, second: { ...first, chosen, output } };
  const { label, likert } = judgePair("A", pair, { noise: 0, draw: rng(1, "j") });
  expect(label.second).toBe(true);
  expect(likert).toBe(7);
  expect(label.minutes).toBe((book.chunks[i]!.words + 2 * output.length) / READ);
  expect(judgePair("A", pair, { noise: 1, draw: rng(1, "j") }).label.second).toBe(false);
  expect([...label.sides.values()].reduce((a, b) => a + b, 0)).toBe(0);
});

test("labels are had until the next would go over the minutes, or the count is reached", () => {
  const reader = new Reader();
  const train = tell(8, 0.15);
  const start = freshWeights(rng(1, "w"));
  const cell = { chunks: 8, dependence: 0.15, noise: 0.1 };
  const of = (arm: Exclude<Arm, "H">, limit: { n?: number; minutes?: number }) =>
    labelsOf({ reader, seed: 1, cell }, arm, start, train, limit, "test");
  for (const arm of ["A", "B", "C", "F", "G"] as const) {
    const { labels, minutes } = of(arm, { minutes: 60 });
    expect(minutes).toBeCloseTo(
      labels.reduce((m, l) => m + l.minutes, 0),
      9,
    );
    expect(minutes).toBeLessThanOrEqual(60);
    expect(minutes).toBeGreaterThan(60 - 1000 / READ);
  }
  expect(of("A", { minutes: 60 }).labels.length).toBeGreaterThan(
    5 * of("C", { minutes: 60 }).labels.length,
  );
  for (const arm of ["A", "C", "D", "E"] as const)
    expect(of(arm, { n: 25 }).labels).toHaveLength(25);
});

test("a demonstration costs the reading of its input and the writing of its output", () => {
  const node = careful(new Reader(), tell(16, 0.15, 1)[0]!).at(-1)!;
  const words = wordsOfEntries(node.output);
  expect(demonstrationMinutes(node)).toBe(node.read / READ + words / WRITE);
});

test("the trained program and the scores beside it are one network: cloning raises what was shown", () => {
  const reader = new Reader();
  const shown = tell(8, 0.15).flatMap((b) => careful(reader, b).filter((n) => n.groups.length > 0));
  using trainer = new Trainer(reader.table);
  trainer.load(freshWeights(rng(1, "w")));
  const all = shown.flatMap((n) =>
    n.groups.map((group, i) => ({ group, chosen: n.chosen[i]!, logp: 0, advantage: 1 })),
  );
  const loss = () => {
    const policy = new Scorer(reader.table, trainer.weights());
    return -all.reduce((s, c) => s + policy.logps(c.group)[c.chosen]!, 0) / all.length;
  };
  const before = loss();
  for (let step = 0; step < 30; step++) trainer.groups("clone", all, 5e-3);
  const after = loss();
  expect(after).toBeLessThan(before / 2);
  const tree = reader.tree(
    tell(8, 0.15, 1)[0]!,
    sampling(new Scorer(reader.table, trainer.weights()), rng(1, "s")),
    {
      context: true,
    },
  );
  expect(tree).toHaveLength(11);
  // a preference moves what it says, by the same network
  const [a, b] = [all[0]!.group.candidates[0]!.id, all[0]!.group.candidates[1]!.id];
  const margin = () => {
    const r = new Scorer(reader.table, trainer.weights());
    return r.score(b) - r.score(a);
  };
  const m = margin();
  for (let i = 0; i < 5; i++)
    trainer.prefer(
      "node",
      [
        {
          sides: new Map([
            [b, 1],
            [a, -1],
          ]),
          second: true,
        },
      ],
      1e-2,
    );
  expect(margin()).toBeGreaterThan(m);
});
