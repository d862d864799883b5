/** What a room is about: one question typed, or several out of a file of {text, question, options, answer}, a line each. */
import { useState } from "react";
import { own, questionRows, RoomQuestion } from "@tiller/schema";
import { Field } from "./new-parts.tsx";

const MOST_ANSWERS = 8;
const MOST_ROOMS = 200;
const SHOWN = 5;

export interface Asking {
  readonly from: "typed" | "file";
  readonly question: string;
  /** the right one first */
  readonly answers: readonly string[];
  readonly title: string;
  readonly text: string;
  readonly file:
    | {
        readonly name: string;
        readonly questions: readonly RoomQuestion[];
        readonly problem: string | undefined;
      }
    | undefined;
}
export const typedAnew: Asking = {
  from: "typed",
  question: "",
  answers: ["", ""],
  title: "",
  text: "",
  file: undefined,
};

/** The questions, and what is wrong field by field. */
export function asked(a: Asking): {
  readonly questions: readonly RoomQuestion[];
  readonly problems: Readonly<Record<string, string>>;
} {
  if (a.from === "file") {
    const questions = a.file?.questions ?? [];
    const problem =
      a.file === undefined
        ? "Choose a file, or type the question."
        : (a.file.problem ??
          (questions.length === 0
            ? `${a.file.name} has no question. Give a line of JSON for each.`
            : questions.length > MOST_ROOMS
              ? `${a.file.name} has ${questions.length} questions, and at most ${MOST_ROOMS} rooms are started at once. Divide the file.`
              : undefined));
    return problem === undefined
      ? { questions, problems: {} }
      : { questions: [], problems: { file: problem } };
  }
  const answers = a.answers.map((x) => x.trim());
  const problems = new Map<string, string>();
  if (!a.question.trim()) problems.set("question", "Write the question.");
  for (const [i, answer] of answers.entries()) {
    if (!answer)
      problems.set(`answer ${i}`, i === 0 ? "Write the right answer." : "Write a wrong answer.");
    else if (answers.indexOf(answer) < i)
      problems.set(`answer ${i}`, "This answer is there already. Write another one.");
  }
  const texts = a.text.trim()
    ? [{ id: "text", title: a.title.trim() || "The text", body: a.text }]
    : [];
  const parsed = RoomQuestion.safeParse({ question: a.question.trim(), answers, texts });
  return {
    questions: parsed.success ? [parsed.data] : [],
    problems: Object.fromEntries(problems),
  };
}

export function QuestionFields(p: {
  value: Asking;
  change: (a: Asking) => void;
  problems: Readonly<Record<string, string>>;
}) {
  const { value: a, change, problems } = p;
  return (
    <div className="stack">
      <fieldset className="choices row">
        <legend className="sr">Where the question comes from</legend>
        {(["typed", "file"] as const).map((from) => (
          <label key={from}>
            <input
              type="radio"
              name="from"
              checked={a.from === from}
              onChange={() => change({ ...a, from })}
            />
            <span>{from === "typed" ? "One question, typed" : "Questions from a file"}</span>
          </label>
        ))}
      </fieldset>
      {a.from === "typed" ? (
        <Typed {...p} />
      ) : (
        <FromFile value={a} change={change} problem={problems["file"]} />
      )}
    </div>
  );
}

function Typed({
  value: a,
  change,
  problems,
}: {
  value: Asking;
  change: (a: Asking) => void;
  problems: Readonly<Record<string, string>>;
}) {
  const answer = (i: number, to: string) =>
    change({ ...a, answers: a.answers.map((x, k) => (k === i ? to : x)) });
  return (
    <>
      <Field label="Question" problem={problems["question"]}>
        {(f) => (
          <input
            {...f}
            maxLength={10_000}
            value={a.question}
            onChange={(e) => change({ ...a, question: e.target.value })}
          />
        )}
      </Field>
      <div className="room-answers-typed">
        {a.answers.map((x, i) => (
          <Field
            key={i}
            label={
              i === 0
                ? "The right answer"
                : a.answers.length > 2
                  ? `Wrong answer ${i}`
                  : "A wrong answer"
            }
            problem={own(problems, `answer ${i}`)}
          >
            {(f) => (
              <div className="row room-answer">
                <input
                  {...f}
                  maxLength={5000}
                  value={x}
                  onChange={(e) => answer(i, e.target.value)}
                />
                {i > 1 && (
                  <button
                    type="button"
                    className="button plain"
                    onClick={() => change({ ...a, answers: a.answers.filter((_, k) => k !== i) })}
                  >
                    Remove<span className="sr"> wrong answer {i}</span>
                  </button>
                )}
              </div>
            )}
          </Field>
        ))}
      </div>
      {a.answers.length < MOST_ANSWERS && (
        <div>
          <button
            type="button"
            className="button"
            onClick={() => change({ ...a, answers: [...a.answers, ""] })}
          >
            Another wrong answer
          </button>
        </div>
      )}
      <Field
        label="Text"
        problem={undefined}
        note="What may be quoted; leave it empty where there is none."
      >
        {(f) => (
          <textarea
            {...f}
            rows={7}
            value={a.text}
            onChange={(e) => change({ ...a, text: e.target.value })}
          />
        )}
      </Field>
      {a.text.trim() !== "" && (
        <Field label="Title of the text" problem={undefined}>
          {(f) => (
            <input
              {...f}
              maxLength={200}
              value={a.title}
              onChange={(e) => change({ ...a, title: e.target.value })}
            />
          )}
        </Field>
      )}
    </>
  );
}

function FromFile({
  value: a,
  change,
  problem,
}: {
  value: Asking;
  change: (a: Asking) => void;
  problem: string | undefined;
}) {
  const [reading, setReading] = useState(false);
  const take = async (file: File) => {
    setReading(true);
    const { questions, problem: wrong } = questionRows(await file.text());
    setReading(false);
    change({ ...a, file: { name: file.name, questions, problem: wrong } });
  };
  const { file } = a;
  return (
    <>
      <Field
        label="JSONL, a question a line"
        problem={problem ?? file?.problem}
        note='{"text": ..., "question": ..., "options": [...], "answer": ...}: the answer is one of the options, or its place from 0. Each becomes a room.'
      >
        {(f) => (
          <input
            {...f}
            type="file"
            accept=".jsonl,.ndjson,.json"
            onChange={(e) => {
              const [chosen] = e.target.files ?? [];
              if (chosen) void take(chosen);
            }}
          />
        )}
      </Field>
      {reading && <p role="status">It is read.</p>}
      {file && file.questions.length > 0 && (
        <div className="stack">
          <p>
            <b>{file.questions.length} questions</b> in {file.name}
            {file.questions.length > SHOWN && `; the first ${SHOWN}`}:
          </p>
          <ol className="room-preview">
            {file.questions.slice(0, SHOWN).map((q, i) => (
              <li key={i}>
                <b>{q.question}</b>
                <ul>
                  {q.answers.map((x, k) => (
                    <li key={k} className={k === 0 ? "right" : "quiet"}>
                      {x}
                      {k === 0 && " (right)"}
                    </li>
                  ))}
                </ul>
                {q.texts.map((t) => (
                  <p key={t.id} className="quiet small">
                    {t.title}: {t.body.slice(0, 140)}
                    {t.body.length > 140 && `… (${t.body.length.toLocaleString("en")} characters)`}
                  </p>
                ))}
              </li>
            ))}
          </ol>
        </div>
      )}
    </>
  );
}
