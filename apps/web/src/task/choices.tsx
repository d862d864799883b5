/** Questions answered by one key: choices, ratings, two sides. */
import type { FieldOf } from "@tiller/schema";
import { at, textAt } from "@tiller/task";
import type { ReactNode } from "react";
import { Kbd } from "../design/components.tsx";
import { type FieldProps, placeOf, useKeys } from "./field.ts";

/** One choice with its key; the arrows go to its neighbours. */
export function Option(o: {
  keyName?: string | undefined;
  chosen: boolean;
  many?: boolean;
  disabled: boolean;
  choose: () => void;
  className?: string;
  children: ReactNode;
}) {
  return (
    <button
      type="button"
      role={o.many ? "checkbox" : "radio"}
      aria-checked={o.chosen}
      aria-keyshortcuts={o.keyName}
      data-option=""
      className={`option ${o.className ?? ""}`}
      disabled={o.disabled}
      onClick={o.choose}
      onKeyDown={(e) => {
        const way = { ArrowLeft: -1, ArrowRight: 1 }[e.key];
        const all = [
          ...(e.currentTarget.parentElement?.querySelectorAll<HTMLElement>("[data-option]") ?? []),
        ];
        const next = way ? all[all.indexOf(e.currentTarget) + way] : undefined;
        if (!next) return;
        e.preventDefault();
        next.focus();
      }}
    >
      {o.keyName && <Kbd>{o.keyName}</Kbd>}
      {o.children}
    </button>
  );
}

export function ChoiceField(p: FieldProps<FieldOf<"choice">>) {
  const chosen = at(p.value, p.field.name);
  const choose = (value: string) => {
    p.set(value);
    p.done();
  };
  useKeys(p.keys, (key) => {
    const option = p.field.options[placeOf(key)];
    if (!option) return "ignored";
    p.set(option.value);
    return "done";
  });
  return (
    <div className="options" role="radiogroup" aria-labelledby={p.labelId}>
      {p.field.options.map((o, i) => (
        <Option
          key={o.value}
          keyName={i < 10 ? String((i + 1) % 10) : undefined}
          chosen={chosen === o.value}
          disabled={p.disabled}
          choose={() => choose(o.value)}
        >
          {o.label}
        </Option>
      ))}
    </div>
  );
}

export function ChoicesField(p: FieldProps<FieldOf<"choices">>) {
  const chosen = (at(p.value, p.field.name) ?? []) as readonly string[];
  const toggle = (value: string) =>
    p.set(
      p.field.options
        .map((o) => o.value)
        .filter((v) => (v === value ? !chosen.includes(v) : chosen.includes(v))),
    );
  useKeys(p.keys, (key) => {
    const option = p.field.options[placeOf(key)];
    if (!option) return "ignored";
    toggle(option.value);
    return "taken";
  });
  return (
    <div className="options" role="group" aria-labelledby={p.labelId}>
      {p.field.options.map((o, i) => (
        <Option
          key={o.value}
          keyName={i < 10 ? String((i + 1) % 10) : undefined}
          many
          chosen={chosen.includes(o.value)}
          disabled={p.disabled}
          choose={() => toggle(o.value)}
        >
          {o.label}
        </Option>
      ))}
    </div>
  );
}

/** Points in a row between two ends. */
function Scale(o: {
  points: number;
  low: string;
  high: string;
  chosen: number | undefined;
  without?: number | undefined;
  disabled: boolean;
  labelId: string;
  choose: (point: number) => void;
}) {
  return (
    <div className="scale">
      <div className="points" role="radiogroup" aria-labelledby={o.labelId}>
        {Array.from({ length: o.points }, (_, i) => i + 1).map((point) => (
          <Option
            key={point}
            chosen={o.chosen === point}
            disabled={o.disabled || point === o.without}
            choose={() => o.choose(point)}
            className="point"
          >
            <span className="num">{point}</span>
            {point === 1 && <span className="unseen">, {o.low}</span>}
            {point === o.points && <span className="unseen">, {o.high}</span>}
          </Option>
        ))}
      </div>
      <div className="ends quiet small" aria-hidden="true">
        <span>{o.low}</span>
        <span>{o.high}</span>
      </div>
    </div>
  );
}

export function RatingField(p: FieldProps<FieldOf<"rating">>) {
  useKeys(p.keys, (key) => {
    const point = placeOf(key) + 1;
    if (point < 1 || point > p.field.points) return "ignored";
    p.set(point);
    return "done";
  });
  return (
    <Scale
      points={p.field.points}
      low={p.field.low}
      high={p.field.high}
      chosen={at(p.value, p.field.name) as number | undefined}
      disabled={p.disabled}
      labelId={p.labelId}
      choose={(point) => {
        p.set(point);
        p.done();
      }}
    />
  );
}

/** Two texts side by side: a side, no difference, or with nine points how sure. */
export function PairField(p: FieldProps<FieldOf<"pair">>) {
  const { field } = p;
  const chosen = at(p.value, field.name);
  const sides = p.swap ? (["b", "a"] as const) : (["a", "b"] as const);
  const degree = field.confidence && (at(p.value, field.confidence) as number | undefined);
  const choose = (choice: "a" | "b" | "tie") => {
    p.set(choice);
    p.done();
  };
  /** `shown` counts from the left side to the right one; what is kept counts from a to b */
  const grade = (shown: number) => {
    const kept = p.swap ? 10 - shown : shown;
    p.set(kept < 5 ? "a" : kept > 5 ? "b" : "tie", [field.confidence!, kept]);
  };
  useKeys(p.keys, (key) => {
    const n = placeOf(key) + 1;
    if (field.confidence) {
      if (n < 1 || n > 9 || (n === 5 && !field.tie)) return "ignored";
      grade(n);
      return "done";
    }
    const choice = key === "0" && field.tie ? "tie" : sides[n - 1];
    if (!choice) return "ignored";
    p.set(choice);
    return "done";
  });
  const texts = [
    [sides[0], "1", "First"],
    [sides[1], "2", "Second"],
  ] as const;
  if (field.confidence)
    return (
      <div className="stack pairing">
        <div className="pair">
          {texts.map(([side, , name]) => (
            <div
              role="group"
              key={side}
              className={`choice still ${chosen === side ? "chosen" : ""}`}
              aria-label={name}
            >
              <span className="read">{textAt(p.input, field[side]).trim()}</span>
              <span className="foot">{name}</span>
            </div>
          ))}
        </div>
        <Scale
          points={9}
          low="First, surely"
          high="Second, surely"
          chosen={degree ? (p.swap ? 10 - degree : degree) : undefined}
          without={field.tie ? undefined : 5}
          disabled={p.disabled}
          labelId={p.labelId}
          choose={(n) => {
            grade(n);
            p.done();
          }}
        />
      </div>
    );
  const role = (side: string) =>
    p.quick ? {} : { role: "radio", "aria-checked": chosen === side };
  return (
    <div
      className="stack pairing"
      {...(p.quick ? {} : { role: "radiogroup", "aria-labelledby": p.labelId })}
    >
      <div className="pair">
        {texts.map(([side, key, name]) => (
          <button
            key={side}
            type="button"
            data-option=""
            className={`choice ${chosen === side ? "chosen" : ""}`}
            onClick={() => choose(side)}
            disabled={p.disabled}
            aria-keyshortcuts={key}
            {...role(side)}
          >
            <span className="read">{textAt(p.input, field[side]).trim()}</span>
            <span className="foot">
              <Kbd>{key}</Kbd> {name}
            </span>
          </button>
        ))}
      </div>
      {field.tie && (
        <button
          type="button"
          data-option=""
          className={`button tie ${chosen === "tie" ? "chosen" : ""}`}
          onClick={() => choose("tie")}
          disabled={p.disabled}
          aria-keyshortcuts="0"
          {...role("tie")}
        >
          No difference <Kbd>0</Kbd>
        </button>
      )}
    </div>
  );
}
