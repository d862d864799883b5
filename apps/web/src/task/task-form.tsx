/**
 * The form of any kind of work: what is shown on the left, what is asked on the right, one column on a phone.
 * Keys: digits answer the active question and go on to the next; a question's letter, Tab and the arrows go to it;
 * Enter sends (Ctrl+Enter inside a text that is asked for), or goes to what is missing. No key acts while someone types,
 * and none throws work away. A task that begins by writing begins in its box. Answers are in terms of the input, whatever `shown` puts where; without it `swap` shows b on the
 * left and lists in reverse. Give each task's form a `key`, so that it starts afresh.
 */
import {
  type ComponentType,
  type ReactNode,
  useEffect,
  useId,
  useLayoutEffect,
  useRef,
  useState,
} from "react";
import type { Field, FieldOf, Shown, View } from "@tiller/schema";
import {
  at,
  type Draft,
  kindOfField,
  missing,
  missingOf,
  orderIn,
  problemsOf,
  put,
  revealsOf,
  swapIn,
} from "@tiller/task";
import { Kbd } from "../design/components.tsx";
import { BlockView } from "./blocks.tsx";
import { ChoiceField, ChoicesField, PairField, RatingField } from "./choices.tsx";
import { type FieldProps, type Press, typingIn } from "./field.ts";
import { RankingField, StepsField } from "./lists.tsx";
import { SpansField } from "./spans.tsx";
import { SliderField, TextField } from "./writing.tsx";
import "./task.css";

/** Letters of the questions; the desk's own keys (u, s, g, f, h, n, p) are not among them. */
const LETTERS = "abcdeijklmoqrtvwxyz";

interface Form<F extends Field> {
  readonly Component: ComponentType<FieldProps<F>>;
  /** its keys act once it has the focus: a lone one has a letter to go to it */
  readonly focused: boolean;
  /** one key answers it: alone, it is sent by that key */
  readonly quick: boolean;
}
const forms: { readonly [K in Field["kind"]]: Form<FieldOf<K>> } = {
  choice: { Component: ChoiceField, focused: false, quick: false },
  choices: { Component: ChoicesField, focused: false, quick: false },
  pair: { Component: PairField, focused: false, quick: true },
  rating: { Component: RatingField, focused: false, quick: false },
  slider: { Component: SliderField, focused: false, quick: false },
  text: { Component: TextField, focused: true, quick: false },
  ranking: { Component: RankingField, focused: false, quick: false },
  spans: { Component: SpansField, focused: true, quick: false },
  steps: { Component: StepsField, focused: false, quick: false },
};
const formOf = (f: Field) => forms[f.kind] as Form<Field>;

export interface TaskFormProps {
  readonly view: View;
  readonly input: unknown;
  readonly swap: boolean;
  /** what stands where, by question; absent: `swap` says it */
  readonly shown?: Shown | null;
  readonly value: Draft;
  readonly onChange: (value: Draft) => void;
  /** gets the whole answer, which may be newer than `value` */
  readonly onSubmit: (value: Draft) => void;
  /** what the server said against the answer */
  readonly problems?: readonly string[];
  /** nothing can be changed and no key acts: a dialog is open, or the answer is on its way */
  readonly disabled?: boolean;
  /** it is a part of a larger form: it has no button of its own */
  readonly bare?: boolean;
  /** to be read alone: there is nothing to send, and all that was asked is open */
  readonly readOnly?: boolean;
}

const clock = (): number => performance.now();
/** Keyboards on the screen stay away until they are asked for. */
const byKeyboard = () => matchMedia("(any-pointer: fine)").matches;

/** The task begins by writing: the focus starts in the box, and no letter is a command. */
export const beginsByWriting = (view: View): boolean => view.ask[0]?.kind === "text";
/** A remark beside what the task is about: Enter sends there as everywhere, Shift+Enter begins a line. */
const isRemark = (view: View, f: Field | undefined): boolean =>
  f?.kind === "text" && f.optional === true && f.edits === undefined && f !== view.ask[0];
/** Enter begins a line there, and Ctrl+Enter sends. */
const isProse = (view: View, f: Field | undefined): boolean =>
  f?.kind === "text" && !isRemark(view, f);

export function TaskForm({ problems = [], readOnly = false, bare = false, ...p }: TaskFormProps) {
  const disabled = readOnly || p.disabled === true;
  const { view, input } = p;
  const id = useId();
  const form = useRef<HTMLDivElement>(null);
  const [opened] = useState(clock);
  const latest = useRef(p.value);
  latest.current = p.value;
  const presses = useRef(new Map<number, Press>());
  const [active, setActive] = useState(0);
  const [tried, setTried] = useState(false);

  const revealed = (p.value["revealed"] ?? []) as readonly number[];
  const step = readOnly ? Infinity : revealed.length;
  const last = step >= revealsOf(view);
  const asked = view.ask.filter((f) => (f.step ?? 0) <= step);
  const open = asked.filter((f) => (f.step ?? 0) === step || revealsOf(view) === 0);
  const quick = view.ask.length === 1 && formOf(view.ask[0]!).quick;
  // a lone question has a letter where keys need the focus first
  const lettered = asked.length > 1 || formOf(asked[0]!).focused;

  const change = (value: Draft) => {
    latest.current = value;
    p.onChange(value);
  };
  const goTo = (i: number) => {
    setActive(i);
    const question = form.current?.querySelector<HTMLElement>(`[data-question="${i}"]`);
    const inside = question?.querySelector<HTMLElement>("[data-focus]:not(:disabled)");
    (inside ?? question)?.focus();
    question?.scrollIntoView({ block: "nearest" });
  };
  const lackingFrom = (from: number) => {
    const order = asked.map((_, i) => (from + i) % asked.length);
    return order.find(
      (i) => open.includes(asked[i]!) && missingOf(asked[i]!, input, latest.current) !== undefined,
    );
  };
  const submit = () => {
    const lack = lackingFrom(active);
    if (lack !== undefined) {
      setTried(true);
      goTo(lack);
      return;
    }
    if (!last) {
      const seconds = Math.round((clock() - opened) / 100) / 10;
      change(put(latest.current, "revealed", [...revealed, seconds]));
      setTried(false);
      return;
    }
    if (problemsOf(view, input, latest.current).length) setTried(true);
    else p.onSubmit(latest.current);
  };
  /** On to the next question without an answer, an optional one too; then back to what is missing. */
  const done = (i: number) => {
    if (quick) return submit();
    const ahead = asked.findIndex(
      (f, k) => k > i && open.includes(f) && at(latest.current, f.name) === undefined,
    );
    const next = ahead >= 0 ? ahead : lackingFrom(i + 1);
    if (next !== undefined && next !== i) goTo(next);
  };

  const press = (e: KeyboardEvent) => {
    const target = e.target as HTMLElement;
    if (disabled || e.defaultPrevented || e.isComposing || e.repeat) return;
    if (target.closest("[role=dialog]")) return;
    const inForm = form.current?.contains(target) ?? false;
    const typing = typingIn(target);
    if (e.key === "Enter") {
      const own = target.closest("button, a[href], summary, [role=button], [role=menuitem]");
      const ticked = own?.matches("[role=radio], [role=checkbox]"); // Space presses these, Enter sends
      if (own && !(inForm && ticked)) return; // it acts itself, and nothing else happens
      const line = isRemark(view, asked[active]) ? e.shiftKey : !e.ctrlKey && !e.metaKey;
      if (target.closest("textarea") && line) return;
      e.preventDefault();
      submit();
      return;
    }
    if (typing) {
      const question = target.closest<HTMLElement>("[data-question]");
      if (e.key === "Escape" && question) question.focus();
      return;
    }
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    if (e.key.startsWith("Arrow") && target.closest("input")) return;
    if (/^Arrow(Up|Down)$/.test(e.key) && !inForm) return; // the page scrolls
    const current = asked[active];
    const what =
      current && open.includes(current)
        ? (presses.current.get(active)?.(e.key, { shift: e.shiftKey, outside: !inForm }) ??
          "ignored")
        : "ignored";
    if (what === "typed") return; // the character falls into the box
    if (what !== "ignored") {
      e.preventDefault();
      if (what === "done") done(active);
      return;
    }
    const letter = lettered ? LETTERS.indexOf(e.key) : -1;
    const way = { ArrowUp: -1, ArrowDown: 1 }[e.key];
    const to = letter >= 0 ? letter : way ? active + way : -1;
    if (!asked[to]) return;
    e.preventDefault();
    goTo(to);
  };
  // the first question of what has just been revealed
  const seen = useRef(step);
  useEffect(() => {
    if (seen.current === step) return;
    seen.current = step;
    goTo(asked.findIndex((f) => (f.step ?? 0) === step));
  });
  const intoBox = !disabled && !bare && beginsByWriting(view);
  useLayoutEffect(() => {
    if (intoBox && byKeyboard())
      form.current?.querySelector<HTMLElement>("[data-focus]")?.focus({ preventScroll: true });
  }, [intoBox]);
  const newest = useRef(press);
  newest.current = press;
  // in the commit that shows the form: a key pressed at first sight counts
  useLayoutEffect(() => {
    const listen = (e: KeyboardEvent) => newest.current(e);
    addEventListener("keydown", listen);
    return () => removeEventListener("keydown", listen);
  }, []);

  const blocks = view.show.filter((b) => (b.step ?? 0) <= step);
  const lacks = last ? problemsOf(view, input, p.value) : missing(view, input, p.value, step);
  const said = [...problems, ...(tried ? lacks : [])];
  return (
    <div className="task-box" data-task-form="" ref={form}>
      <div className={`task ${blocks.length ? "" : "alone"}`}>
        {blocks.length > 0 && (
          <div className="task-show">
            {blocks.map((b, i) => (
              <BlockView key={i} block={b} input={input} />
            ))}
          </div>
        )}
        <div className="task-ask">
          {asked.map((field, i) => (
            <Question
              key={field.name}
              field={field}
              letter={lettered ? LETTERS[i] : undefined}
              index={i}
              active={i === active && !quick}
              labelId={`${id}-${i}`}
              lacking={tried ? missingOf(field, input, p.value) : undefined}
              enter={() => setActive(i)}
            >
              {(() => {
                const { Component } = formOf(field);
                return (
                  <Component
                    field={field}
                    input={input}
                    value={p.value}
                    set={(value, second) => {
                      const own = put(latest.current, field.name, value);
                      change(second ? put(own, ...second) : own);
                    }}
                    swap={swapIn(p.shown, field.name, p.swap)}
                    order={(n) => orderIn(p.shown, field.name, { n, swap: p.swap })}
                    active={i === active}
                    disabled={disabled || !open.includes(field)}
                    quick={quick}
                    labelId={`${id}-${i}`}
                    keys={(take) => {
                      presses.current.set(i, take);
                      return () => presses.current.delete(i);
                    }}
                    done={() => done(i)}
                  />
                );
              })()}
            </Question>
          ))}
          {said.length > 0 && (
            <div className="said" role="alert">
              <ul>
                {said.map((s) => (
                  <li key={s}>{s}</li>
                ))}
              </ul>
            </div>
          )}
          {!quick && !bare && !readOnly && (
            <div className="row">
              <button type="button" className="button primary" disabled={disabled} onClick={submit}>
                {last ? "Submit" : "Continue"}{" "}
                {isProse(view, asked[active]) && (
                  <>
                    <Kbd>Ctrl</Kbd>{" "}
                  </>
                )}
                <Kbd>Enter</Kbd>
              </button>
              {asked.some((f) => kindOfField(f).prose) && (
                <span className="quiet small">
                  {isRemark(view, asked[active]) && (
                    <>
                      <Kbd>Shift</Kbd> <Kbd>Enter</Kbd> begins a line,{" "}
                    </>
                  )}
                  <Kbd>Esc</Kbd> leaves a text
                </span>
              )}
            </div>
          )}
        </div>
      </div>
    </div>
  );
}

function Question(q: {
  field: Field;
  letter: string | undefined;
  index: number;
  active: boolean;
  labelId: string;
  lacking: string | undefined;
  enter: () => void;
  children: ReactNode;
}) {
  return (
    <div
      role="group"
      className={`question ${q.active && q.letter ? "active" : ""}`}
      data-question={q.index}
      tabIndex={-1}
      aria-labelledby={q.labelId}
      onFocusCapture={q.enter}
    >
      <div className="row ask">
        {q.letter && <Kbd>{q.letter}</Kbd>}
        <h2 id={q.labelId}>{q.field.label}</h2>
        {q.field.optional && <span className="quiet small">optional</span>}
        {q.lacking && <span className="small over">{q.lacking}</span>}
      </div>
      {q.field.help && <p className="quiet small">{q.field.help}</p>}
      {q.children}
    </div>
  );
}
