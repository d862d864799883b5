/** Questions about the items of a list: putting them in order, labelling steps. */
import { useState } from "react";
import type { FieldOf } from "@tiller/schema";
import { at, characterAround, listAt, textOf, wordsIn } from "@tiller/task";
import { Kbd } from "../design/components.tsx";
import { Option } from "./choices.tsx";
import { type FieldProps, placeOf, useKeys } from "./field.ts";

const ordinal = (n: number) => `${n}${["th", "st", "nd", "rd"][n] ?? "th"}`;

/** The best first: each press gives the next place, a second press takes it away. */
export function RankingField(p: FieldProps<FieldOf<"ranking">>) {
  const items = listAt(p.input, p.field.items);
  const places = (at(p.value, p.field.name) ?? []) as readonly number[];
  const order = p.order(items.length); // as shown
  const toggle = (item: number) => {
    const next = places.includes(item) ? places.filter((x) => x !== item) : [...places, item];
    p.set(next.length ? next : undefined);
    return next.length === items.length;
  };
  useKeys(p.keys, (key) => {
    const item = order[placeOf(key)];
    if (item === undefined) return "ignored";
    return toggle(item) ? "done" : "taken";
  });
  return (
    <div className="options" role="group" aria-labelledby={p.labelId}>
      {order.map((item, shown) => (
        <Option
          key={item}
          keyName={String(shown + 1)}
          many
          chosen={places.includes(item)}
          disabled={p.disabled}
          choose={() => {
            if (toggle(item)) p.done();
          }}
        >
          <span className="read grow">{textOf(items[item]).trim()}</span>
          <b className="rank num">
            {places.includes(item) ? ordinal(places.indexOf(item) + 1) : ""}
          </b>
        </Option>
      ))}
    </div>
  );
}

/** One label a step, from the first on; it may end at the first mistake. */
export function StepsField(p: FieldProps<FieldOf<"steps">>) {
  const { field } = p;
  const steps = listAt(p.input, field.from);
  const labels = (at(p.value, field.name) ?? []) as readonly string[];
  const stopped = field.stopAt !== undefined && labels.at(-1) === field.stopAt;
  const open = stopped ? labels.length : Math.min(steps.length, labels.length + 1);
  const [chosen, choose] = useState<number>(); // a step looked at again
  const current = Math.min(chosen ?? labels.length, open - 1);
  /** Labels one step; those behind a new first mistake go. */
  const label = (i: number, value: string) => {
    const next = [
      ...labels.slice(0, i),
      value,
      ...(value === field.stopAt ? [] : labels.slice(i + 1)),
    ];
    choose(undefined);
    p.set(next);
    return next.length === steps.length || value === field.stopAt;
  };
  useKeys(p.keys, (key) => {
    const option = field.options[placeOf(key)];
    if (option) return label(current, option.value) ? "done" : "taken";
    const to = current + ({ ArrowUp: -1, ArrowDown: 1 }[key] ?? NaN);
    if (!(to >= 0 && to < open)) return "ignored";
    choose(to);
    return "taken";
  });
  return (
    <ol className="steps">
      {steps.map((step, i) => (
        <li
          key={i}
          className={i >= open ? "later" : p.active && i === current ? "current" : ""}
          aria-current={i === current ? "step" : undefined}
        >
          <p className="read" id={`${p.labelId}-${i}`}>
            {textOf(step)}
          </p>
          {i < open && (
            <div className="options inline" role="radiogroup" aria-labelledby={`${p.labelId}-${i}`}>
              {field.options.map((o, k) => (
                <Option
                  key={o.value}
                  keyName={i === current ? String(k + 1) : undefined}
                  chosen={labels[i] === o.value}
                  disabled={p.disabled}
                  choose={() => {
                    if (label(i, o.value)) p.done();
                  }}
                >
                  {o.label}
                </Option>
              ))}
            </div>
          )}
        </li>
      ))}
      {stopped && labels.length < steps.length && (
        <li className="quiet small">The first mistake ends it: later steps need no label.</li>
      )}
    </ol>
  );
}

interface Mark {
  readonly start: number;
  readonly end: number;
  readonly label: string;
}

/** Places in a text with labels: by the mouse, or word by word with the arrows, Shift to stretch, a digit to label. */
export function SpansField(p: FieldProps<FieldOf<"spans">>) {
  const { field } = p;
  const found = at(p.input, field.from);
  const text = textOf(found);
  const words = wordsIn(text);
  const marks = (at(p.value, field.name) ?? []) as readonly Mark[];
  const [cursor, setCursor] = useState<readonly [number, number]>(); // words, anchor to head
  const [dragged, setDragged] = useState<readonly [number, number]>(); // characters
  const chosen: readonly [number, number] | undefined =
    dragged ??
    (cursor && words.length
      ? [words[Math.min(...cursor)]![0], words[Math.max(...cursor)]![1]]
      : undefined);
  const apply = (label: string) => {
    if (!chosen) return;
    const [start, end] = chosen;
    const same = marks.find((m) => m.start === start && m.end === end);
    const others = marks.filter((m) => m !== same);
    const next = same?.label === label ? others : [...others, { start, end, label }];
    p.set(next.length ? next.toSorted((a, b) => a.start - b.start || a.end - b.end) : undefined);
    setDragged(undefined);
  };
  const move = (way: number, shift: boolean) => {
    const [anchor, head] = cursor ?? [way > 0 ? -1 : words.length, way > 0 ? -1 : words.length];
    const to = Math.max(0, Math.min(words.length - 1, head + way));
    setDragged(undefined);
    setCursor([shift && cursor ? anchor : to, to]);
  };
  useKeys(p.keys, (key, { shift }) => {
    const way = { ArrowLeft: -1, ArrowRight: 1 }[key];
    if (way) {
      move(way, shift);
      return "taken";
    }
    const label = field.labels[placeOf(key)];
    if (!label || !chosen) return "ignored";
    apply(label.value);
    return "taken";
  });
  const take = (box: HTMLElement) => {
    const selection = getSelection();
    if (!selection || selection.isCollapsed || !box.contains(selection.anchorNode)) return;
    const range = selection.getRangeAt(0);
    if (!box.contains(range.endContainer)) return;
    const before = document.createRange();
    before.setStart(box, 0);
    before.setEnd(range.startContainer, range.startOffset);
    const start = before.toString().length;
    const raw = range.toString();
    const lead = raw.length - raw.trimStart().length;
    const [from, to] = [start + lead, start + lead + raw.trim().length];
    // a browser may select half of an emoji of several parts
    if (raw.trim())
      setDragged([
        characterAround(text, from)?.start ?? from,
        characterAround(text, to)?.end ?? to,
      ]);
    selection.removeAllRanges();
  };
  const cuts = [
    ...new Set([0, text.length, ...marks.flatMap((m) => [m.start, m.end]), ...(chosen ?? [])]),
  ]
    .filter((x) => x <= text.length)
    .toSorted((a, b) => a - b);
  const colour = (label: string) => field.labels.findIndex((l) => l.value === label) % 4;
  const name = (label: string) => field.labels.find((l) => l.value === label)?.label ?? label;
  return (
    <div className="stack tight">
      {/* the text takes the arrows and the mouse; a screen reader hears the chosen words below */}
      <div
        className="read marked"
        data-focus=""
        data-testid={field.from}
        role="application"
        aria-labelledby={p.labelId}
        aria-describedby={`${p.labelId}-how`}
        tabIndex={p.disabled ? -1 : 0}
        onPointerUp={(e) => !p.disabled && take(e.currentTarget)}
      >
        {cuts.slice(0, -1).map((start, i) => {
          const end = cuts[i + 1]!;
          const mark = marks.find((m) => m.start <= start && m.end >= end);
          const picked = chosen && chosen[0] <= start && chosen[1] >= end;
          return (
            <span
              key={start}
              className={`${mark ? `mark mark-${colour(mark.label)}` : ""} ${picked ? "picked" : ""}`}
            >
              {text.slice(start, end)}
            </span>
          );
        })}
      </div>
      <p className="quiet small" id={`${p.labelId}-how`}>
        Select with the mouse, or <Kbd>←</Kbd> <Kbd>→</Kbd> word by word and <Kbd>Shift</Kbd> to
        stretch; then a label.
      </p>
      <p className="unseen" role="status">
        {chosen ? text.slice(...chosen) : ""}
      </p>
      <div className="options inline" role="group" aria-label="Labels">
        {field.labels.map((l, i) => (
          <button
            key={l.value}
            type="button"
            data-option=""
            className={`option mark-${colour(l.value)}`}
            aria-keyshortcuts={String(i + 1)}
            disabled={p.disabled || !chosen}
            onClick={() => apply(l.value)}
          >
            <Kbd>{String(i + 1)}</Kbd> {l.label}
          </button>
        ))}
      </div>
      {marks.length > 0 && (
        <ul className="marks">
          {marks.map((m) => (
            <li key={`${m.start}-${m.end}-${m.label}`} className="row">
              <span className={`badge mark-${colour(m.label)}`}>{name(m.label)}</span>
              <span className="grow">“{text.slice(m.start, m.end)}”</span>
              <button
                type="button"
                className="button plain"
                disabled={p.disabled}
                aria-label={`Remove ${name(m.label)}: ${text.slice(m.start, m.end)}`}
                onClick={() => {
                  const rest = marks.filter((x) => x !== m);
                  p.set(rest.length ? rest : undefined);
                }}
              >
                Remove
              </button>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
