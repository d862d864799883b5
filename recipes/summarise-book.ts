/**
 * A book through a tree of summaries (Wu et al. 2021) that people and a policy write together.
 *
 *   passages -> a person or a policy each -> parts of up to 13 -> ... -> the book
 *
 * The tree is in the database, its nodes addressed by what went into them (packages/trees); this run asks for what it lacks. Edited
 * or stopped while it runs, it looks again: whoever holds a node that is invalid meanwhile finishes, and the answer counts for what was
 * read. Differs from the paper: the plan stands beforehand, heights run beside each other, and people write in the same tree.
 */
import path from "node:path";
import { z } from "zod";
import type { Ask } from "@tiller/book";
import { readText } from "@tiller/data";
import { asItWas, workflow } from "@tiller/flow";
import { TillerError, TreeSettings } from "@tiller/schema";
import { inputPath } from "@tiller/store";
import {
  askPeople,
  askPolicy,
  createTree,
  endTree,
  headOf,
  readTree,
  Round,
  settlePolicy,
  takeLate,
  treeId,
  untilChanged,
  write,
  writeMarks,
  type Written,
  writeTrouble,
} from "@tiller/trees";

const LARGEST = 64 * 2 ** 20; // bytes of a book
const Input = z.strictObject({
  tree: z.string().optional().describe("a tree that is there: goes on with it"),
  file: z.string().optional().describe("else a text below HOME/inputs or another declared folder"),
  ...TreeSettings.shape,
});

export const summariseBook = workflow(
  "summarise-book@2",
  Input,
  async (flow, { tree: given, file, ...settings }) => {
    const tree = await flow.step("open", async ({ key, store: { db } }) => {
      if (given !== undefined) return headOf(db, given).then(() => given);
      if (file === undefined)
        throw new TillerError("no_book", "neither a tree nor a file is given. Give one of them.");
      const at = await inputPath(file, { kind: "file", atMost: LARGEST });
      const text = await readText(at, { name: file });
      await createTree(db, { id: treeId(key), name: path.basename(file), text, settings });
      return treeId(key);
    });

    let round: Round;
    const asked = new Map<string, Promise<Written | undefined>>(); // by address: also after an edit nobody is asked twice
    const respond = (ask: Ask): Promise<Written | undefined> => {
      const answer = asked.get(ask.key) ?? answerTo(ask, round);
      asked.set(ask.key, answer);
      return answer;
    };
    const answerTo = async (ask: Ask, { plan, settings: s, version }: Round) => {
      const name = `${ask.node.id} ${ask.key.slice(0, 8)} of ${version}`;
      try {
        const answer = round.byPeople(ask.node)
          ? await askPeople(flow, ask, {
              plan,
              tree,
              name,
              authorHours: s.people.authorHours ?? 24,
            })
          : await askPolicy(flow, ask, round, name);
        const from = `${flow.id}/${name}`;
        return await flow.step(`write ${name}`, async (c) => {
          const about = { tree, ask, answer, from };
          return write(c, about, round.wants(ask) ? round : undefined);
        });
      } catch (e) {
        asked.delete(ask.key);
        const why = e instanceof Error ? e.message : String(e);
        await flow.step(`no ${name}`, ({ store }) =>
          writeTrouble(store.db, tree, ask.node.id, why),
        );
        return undefined;
      }
    };

    for (;;) {
      const now = await flow.step("tree", async ({ store: { db }, standsFor }) => {
        await settlePolicy(db, tree, standsFor);
        await takeLate(db, tree);
        return readTree(db, tree);
      });
      const here = (round = new Round(now));
      const growing = here.grow(respond);
      const kept = flow.step("kept", ({ store: { db } }) =>
        writeMarks(db, tree, { version: here.version, marks: here.marks(), only: true }),
      );
      const word = flow.step(
        "word",
        ({ store, signal }) => untilChanged(store, tree, here.version, signal),
        { waits: true },
      );
      const all = Promise.all([growing, kept]).then(() => undefined);
      const changed = await Promise.race([all, word]);
      here.leave();
      if (changed && !changed.stop) continue; // edited
      const { whole, why, ...found } = here.end();
      const end = {
        version: here.version,
        state: whole ? "whole" : "stopped",
        why: changed ? "somebody stopped it" : why,
        stop: changed !== undefined,
      } as const;
      const over = await flow.step("end", async ({ store: { db } }) => {
        await writeMarks(db, tree, { version: here.version, marks: here.marks() });
        return endTree(db, tree, end);
      });
      if (over) return { tree, state: end.state, why: end.why, ...found };
    }
  },
  {
    title: "Summarise a book",
    about:
      "A tree of summaries over a book: its passages, parts of them, the whole. People and a policy write it together.",
    labelling: true,
    migrate: { "summarise-book@1": asItWas(Input) },
  },
);
