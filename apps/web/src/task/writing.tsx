/** Questions answered by typing: texts with limits, texts to edit, numbers. */
import { useRef, useState } from "react";
import type { FieldOf, Limit } from "@tiller/schema";
import { at, limitOf, measure, textAt, wordsOfTokens } from "@tiller/task";
import { TextDiff } from "./diff.tsx";
import { type FieldProps, useKeys } from "./field.ts";

export function TextField(p: FieldProps<FieldOf<"text">>) {
  const { field } = p;
  const text = (at(p.value, field.name) ?? "") as string;
  const box = useRef<HTMLTextAreaElement>(null);
  const limit = limitOf(field, p.input);
  const over = limit?.max !== undefined && measure[limit.unit](text) > limit.max;
  const original = field.edits ? textAt(p.input, field.edits) : undefined;
  useKeys(p.keys, (key, { outside }) => {
    if (!outside || !/^.$/u.test(key)) return "ignored";
    box.current?.focus(); // who writes goes on writing, wherever they last clicked
    return "typed";
  });
  return (
    <div className="stack tight">
      <textarea
        ref={box}
        data-focus=""
        enterKeyHint={field.optional && !field.edits ? "send" : "enter"}
        aria-labelledby={p.labelId}
        rows={field.rows ?? (field.edits ? 8 : 4)}
        value={text}
        disabled={p.disabled}
        aria-invalid={over}
        onChange={(e) => p.set(e.target.value === "" ? undefined : e.target.value)}
      />
      {limit && (
        <p className={`small num ${over ? "over" : "quiet"}`}>{lengthInWords(limit, text)}</p>
      )}
      {original !== undefined && (
        <div role="group" className="block" aria-label="Your changes">
          <p className="quiet small">
            {text === original ? "Nothing changed yet" : "Your changes"}
          </p>
          {text !== original && <TextDiff before={original} after={text} />}
        </div>
      )}
    </div>
  );
}

/** "12 words, at least 6, at most 36". Raters do not count tokens: a limit in them is told in words, as near as it goes. */
function lengthInWords({ unit, min, max }: Limit, text: string): string {
  const tokens = unit === "tokens";
  const told = (n: number) => (tokens ? `about ${wordsOfTokens(n)}` : `${n}`);
  const bounds = [
    min !== undefined && `at least ${told(min)}`,
    max !== undefined && `at most ${told(max)}`,
  ].filter(Boolean);
  const counted = tokens ? "words" : unit;
  return `${measure[counted](text)} ${counted}, ${bounds.join(", ")}`;
}

export function SliderField(p: FieldProps<FieldOf<"slider">>) {
  const { min, max, unit, low, high, name } = p.field;
  const value = at(p.value, name) as number | undefined;
  const box = useRef<HTMLInputElement>(null);
  const [typed, setTyped] = useState(value === undefined ? "" : String(value));
  const shown =
    value !== undefined && (typed === "" || Number(typed) !== value) ? String(value) : typed;
  useKeys(p.keys, (key) => {
    if (!/^[\d-]$/.test(key)) return "ignored";
    box.current?.focus();
    box.current?.select();
    return "typed";
  });
  const type = (text: string) => {
    const n = Number(text);
    if (text !== "" && text !== "-" && !(Number.isFinite(n) && n <= max && n >= Math.min(0, min)))
      return;
    setTyped(text);
    p.set(text === "" || text === "-" || n < min ? undefined : n);
  };
  return (
    <div className="stack tight">
      <div className="row slider">
        <input
          ref={box}
          className="number num"
          data-focus=""
          inputMode="numeric"
          aria-labelledby={p.labelId}
          value={shown}
          disabled={p.disabled}
          onChange={(e) => type(e.target.value.trim())}
        />
        {unit && <span className="quiet">{unit}</span>}
        <input
          type="range"
          min={min}
          max={max}
          value={value ?? (min + max) / 2}
          aria-labelledby={p.labelId}
          className={value === undefined ? "unset" : ""}
          disabled={p.disabled}
          onChange={(e) => p.set(Number(e.target.value))}
        />
      </div>
      {(low || high) && (
        <div className="ends quiet small">
          <span>
            {min} {low}
          </span>
          <span>
            {high} {max}
          </span>
        </div>
      )}
    </div>
  );
}
