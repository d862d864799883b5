/** The texts that several experiments wrote after the same prompts, of their reports or of their runs' newest samples. */
import { useState } from "react";
import { type Experiment, readNumber, type Report, type Sample } from "@tiller/schema";
import { Card, Scroll } from "../design/components.tsx";
import { Mark } from "./compare-mark.tsx";

interface Said {
  /** who of the experiment wrote it, or at which step */
  readonly by: string;
  readonly text: string;
  readonly score: number | null;
}
export interface PromptRow {
  readonly prompt: string;
  /** by the place of the experiment */
  readonly texts: readonly (readonly Said[])[];
}

/** Prompts that two of them at least wrote after, those that most did first. */
export function sharedPrompts(
  reports: readonly (Report | undefined)[],
  samples: readonly (readonly Sample[])[],
): PromptRow[] {
  const rows = new Map<string, Said[][]>();
  const add = (i: number, prompt: string, said: Said) => {
    const row = rows.get(prompt) ?? samples.map(() => []);
    rows.set(prompt, row);
    row[i]!.push(said);
  };
  for (const [i, report] of reports.entries())
    for (const block of report?.blocks ?? [])
      if (block.kind === "samples")
        for (const { prompt, texts } of block.rows)
          for (const [k, t] of texts.entries())
            add(i, prompt, { by: block.columns[k] ?? "", text: t.text, score: t.score });
  for (const [i, of] of samples.entries()) {
    const newest = new Map<string, Sample>();
    for (const s of of) if ((newest.get(s.prompt)?.step ?? -1) < s.step) newest.set(s.prompt, s);
    for (const s of newest.values())
      add(i, s.prompt, { by: `step ${s.step}`, text: s.text, score: s.scores["reward"] ?? null });
  }
  const writers = (row: Said[][]) => row.filter((x) => x.length).length;
  return [...rows]
    .filter(([, row]) => writers(row) > 1)
    .toSorted((a, b) => writers(b[1]) - writers(a[1]))
    .map(([prompt, texts]) => ({ prompt, texts }));
}

const SHOWN = 5;
export function Texts({ rows, of }: { rows: readonly PromptRow[]; of: readonly Experiment[] }) {
  const [all, showAll] = useState(false);
  return (
    <Card title="The same prompts">
      {rows.length === 0 && (
        <p className="quiet">
          They wrote after no prompt in common. Runs with the same seed and data have the same ones.
        </p>
      )}
      {rows.slice(0, all ? undefined : SHOWN).map((r) => (
        <article key={r.prompt} className="compare-texts">
          <p className="quiet">{r.prompt}</p>
          <Scroll label={`Texts after: ${r.prompt.slice(0, 60)}`}>
            <div
              className="compare-columns"
              style={{ gridTemplateColumns: `repeat(${of.length}, minmax(220px, 1fr))` }}
            >
              {r.texts.map((said, i) => (
                <div key={i}>
                  <Mark i={i} />
                  {said.map((s, k) => (
                    <p key={k}>
                      <span className="quiet small">
                        {s.by}
                        {s.score !== null && `, ${readNumber(s.score)}`}
                      </span>
                      <br />
                      {s.text.trim()}
                    </p>
                  ))}
                  {!said.length && <p className="quiet">nothing</p>}
                </div>
              ))}
            </div>
          </Scroll>
        </article>
      ))}
      {!all && rows.length > SHOWN && (
        <div>
          <button className="button" onClick={() => showAll(true)}>
            All {rows.length} prompts
          </button>
        </div>
      )}
    </Card>
  );
}
