/** Questions about the items of a list: putting them in order, labelling steps. */
import { useState } from "react";
import type { FieldOf } from "@tiller/schema";
import { at, listAt, textOf } from "@tiller/task";
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
