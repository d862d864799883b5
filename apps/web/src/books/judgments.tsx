/** What was said of a node's summaries, the newest first: who, of which words, and whether what they read is what stands now. */
import type { ReactNode } from "react";
import { z } from "zod";
import {
  type JudgmentShown,
  pairFields,
  ThreePairs,
  type TreeJudgment,
  type TreeNodePage,
} from "@tiller/schema";
import { at } from "@tiller/task";
import { Badge, Empty, Scroll } from "../design/components.tsx";
import { LookAtAnswer } from "../task/as-seen.tsx";
import { TextDiff } from "../task/diff.tsx";
import { Ago } from "./ago.tsx";
import type { NodeTabProps } from "./node-tab.ts";

interface Shows {
  readonly judgment: JudgmentShown;
  readonly page: TreeNodePage;
  /** the summary that stands */
  readonly now: string | null;
  readonly goTo: (tab: string) => void;
}
const kinds: Readonly<
  Record<TreeJudgment["kind"], { readonly title: string; readonly Of: (p: Shows) => ReactNode }>
> = {
  compare: { title: "Three summaries compared", Of: Compared },
  check: { title: "Checked down to the book", Of: Checked },
  feedback: { title: "A reader's word", Of: Feedback },
  reply: { title: "The answer to a reader", Of: Replied },
  claims: { title: "Claims, and whether they are so", Of: BySentence },
  coherence: { title: "Errors by sentence", Of: BySentence },
};
export const readThen = {
  current: { tone: "good", says: "read what stands now" },
  drifted: { tone: "warn", says: "drifted: the same text, beside other earlier summaries" },
  other: { tone: "warn", says: "read something else than stands now" },
} as const;

export function Judgments({ id, page, node, goTo }: NodeTabProps) {
  if (page.judgments.length === 0)
    return (
      <Empty title="Nobody has judged it so far">
        <p>
          Judge it yourself, or have people at the desk judge a share of the tree:{" "}
          <code>
            tiller experiment start judge-book@2 --input '
            {JSON.stringify({ tree: id, model: "NAME" })}'
          </code>
        </p>
        <button type="button" className="button" onClick={() => goTo("judge")}>
          Judge it
        </button>
      </Empty>
    );
  return (
    <ol className="book-said">
      {page.judgments.map((j) => {
        const { title, Of } = kinds[j.kind];
        const { tone, says } = readThen[j.read];
        return (
          <li key={j.n} className="card stack">
            <header className="stack tight">
              <h3>{title}</h3>
              <p className="row small quiet">
                <span>{j.author.name}</span>
                <Ago at={j.at} />
                <Badge tone={tone}>{says}</Badge>
                <code title="what was read, by hash">{j.saw.slice(0, 8)}</code>
              </p>
            </header>
            <Of judgment={j} page={page} now={node.text} goTo={goTo} />
            {j.answer !== null && <LookAtAnswer answer={j.answer} label="As it was asked" />}
          </li>
        );
      })}
    </ol>
  );
}

const Stands = () => <Badge tone="good">stands now</Badge>;
const Rating = ({ value }: { value: unknown }) =>
  typeof value === "number" ? <b className="num">{value}</b> : <span className="quiet">–</span>;
const Comment = ({ words }: { words: unknown }) =>
  typeof words === "string" && words.trim() ? (
    <blockquote className="read">{words}</blockquote>
  ) : null;

const places = ["first", "second", "third"] as const;
const criteria = ["Overall", "Coverage", "Accuracy", "Coherence", "Abstraction"] as const;
function Compared({ judgment: { texts, value }, now }: Shows) {
  const pairs = ThreePairs.safeParse(value).data;
  return (
    <>
      {pairs && (
        <ul className="book-pairs">
          {pairFields.map(([field, a, b]) => (
            <Pair key={field} said={pairs[field]} a={places[a]} b={places[b]} />
          ))}
        </ul>
      )}
      {texts.map((text, i) => (
        <section key={i} className="stack tight">
          <h4 className="row">
            {places[i] ?? `summary ${i + 1}`} {text === now && <Stands />}
          </h4>
          <p className="read">{text || <span className="quiet">Empty: nothing to tell.</span>}</p>
        </section>
      ))}
      <Scroll label="Ratings of the three">
        <table className="small">
          <thead>
            <tr>
              <th scope="col">1 to 7</th>
              {places.map((p) => (
                <th key={p} scope="col">
                  {p}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {criteria.map((c) => (
              <tr key={c}>
                <th scope="row">{c}</th>
                {places.map((p) => (
                  <td key={p}>
                    <Rating value={at(value, `${p}${c}`)} />
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
      {at(value, "input") !== undefined && (
        <p className="small">
          What it was made from can be followed: <Rating value={at(value, "input")} /> of 7
        </p>
      )}
    </>
  );
}
const Pair = (p: { said: ThreePairs["firstSecond"]; a: string; b: string }) => (
  <li>
    {p.said === "tie" ? (
      <>
        {p.a} and {p.b} are alike
      </>
    ) : (
      <>
        <b>{p.said === "a" ? p.a : p.b}</b> over {p.said === "a" ? p.b : p.a}
      </>
    )}
  </li>
);

function Checked({ judgment: { texts, value }, now }: Shows) {
  return (
    <>
      <Summary text={texts[0]} now={now} />
      <Scroll label="Ratings before and after the book was read">
        <table className="small">
          <thead>
            <tr>
              <th scope="col">1 to 7</th>
              <th scope="col">by what it was made from</th>
              <th scope="col">by the book</th>
            </tr>
          </thead>
          <tbody>
            {(["Accuracy", "Overall"] as const).map((c) => (
              <tr key={c}>
                <th scope="row">{c}</th>
                <td>
                  <Rating value={at(value, c.toLowerCase())} />
                </td>
                <td>
                  <Rating value={at(value, `book${c}`)} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
      <Comment words={at(value, "found")} />
    </>
  );
}
function Summary({ text, now }: { text: string | undefined; now: string | null }) {
  return (
    <section className="stack tight">
      <h4 className="row">its summary {text === now && <Stands />}</h4>
      <p className="read">{text}</p>
    </section>
  );
}

const Mark = z.object({ start: z.int(), end: z.int(), label: z.string() });
const marksAt = (value: unknown, name: string) =>
  z.array(Mark).safeParse(at(value, name)).data ?? [];
function Feedback({ judgment: { texts, value, read }, page, now }: Shows) {
  const [text = ""] = texts;
  const marks = marksAt(value, "marks").toSorted((a, b) => a.start - b.start);
  const missing = marksAt(value, "missing");
  const source = read === "other" ? undefined : page.reads?.text;
  const parts: ReactNode[] = [];
  let from = 0;
  for (const { start, end, label } of marks) {
    if (start < from) continue; // inside one that stands before it: it is in the list below
    parts.push(
      text.slice(from, start),
      <mark key={start} className={`mark mark-${label === "inaccurate" ? 1 : 2}`}>
        {text.slice(start, end)}
      </mark>,
    );
    from = end;
  }
  return (
    <>
      <section className="stack tight">
        <h4 className="row">its summary {text === now && <Stands />}</h4>
        <p className="read">
          {parts}
          {text.slice(from)}
        </p>
      </section>
      {marks.length + missing.length > 0 && (
        <ul className="book-marks small">
          {marks.map((m) => (
            <li key={`${m.start} ${m.end} ${m.label}`}>
              <b>{m.label}</b> “{text.slice(m.start, m.end)}”
            </li>
          ))}
          {missing.map((m) => (
            <li key={`${m.start} ${m.end} ${m.label}`}>
              <b>{m.label === "detail" ? "missing, a detail" : "missing"}</b>{" "}
              {source === undefined ? (
                <span className="quiet">
                  characters {m.start} to {m.end} of what was read then
                </span>
              ) : (
                `“${source.slice(m.start, m.end)}”`
              )}
            </li>
          ))}
        </ul>
      )}
      <p className="small">
        Overall: <Rating value={at(value, "overall")} /> of 7
      </p>
      <Comment words={at(value, "feedback")} />
    </>
  );
}
function Replied({ judgment: { texts, value } }: Shows) {
  const summary = at(value, "summary");
  return (
    <>
      <p className="small">
        {at(value, "took") === "changed" ? "The summary was changed:" : "The summary stays."}
      </p>
      {typeof summary === "string" && <TextDiff before={texts[0] ?? ""} after={summary} />}
      <Comment words={at(value, "reply")} />
    </>
  );
}
function BySentence({ judgment: { texts }, now, goTo }: Shows) {
  return (
    <>
      <Summary text={texts[0]} now={now} />
      <button type="button" className="link" onClick={() => goTo("faith")}>
        sentence by sentence
      </button>
    </>
  );
}
