/**
 * Places in a text with labels. By the mouse; word by word with the arrows, Shift to stretch, a digit to label; by touch a
 * tap on a word, whose two handles stretch it, or the phone's own selection with its own handles.
 */
import { type PointerEvent, useEffect, useRef, useState } from "react";
import type { FieldOf } from "@tiller/schema";
import { at, characterAround, textOf, wordsIn } from "@tiller/task";
import { Kbd } from "../design/components.tsx";
import { type FieldProps, placeOf, useKeys } from "./field.ts";

interface Mark {
  readonly start: number;
  readonly end: number;
  readonly label: string;
}
/** Two words or two characters, the one that stays first. */
type Stretch = readonly [number, number];
const TAP_PX = 10;

/** How many characters of the box stand before a place in it. */
function charactersBefore(box: HTMLElement, node: Node, offset: number): number {
  const range = document.createRange();
  range.setStart(box, 0);
  range.setEnd(node, offset);
  return range.toString().length;
}
/** The character under a finger; undefined beside the text. Safari has the older of the two. */
function characterAt(box: HTMLElement, x: number, y: number): number | undefined {
  const found = document.caretPositionFromPoint?.(x, y);
  const range = found ? undefined : document.caretRangeFromPoint(x, y);
  const [node, offset] = found
    ? [found.offsetNode, found.offset]
    : [range?.startContainer, range?.startOffset ?? 0];
  return node && box.contains(node) ? charactersBefore(box, node, offset) : undefined;
}
/** The selection inside the box, without the spaces around it. */
function selectedIn(box: HTMLElement | null, text: string): Stretch | undefined {
  const selection = getSelection();
  if (!box || !selection || selection.isCollapsed || !selection.rangeCount) return undefined;
  const range = selection.getRangeAt(0);
  if (!box.contains(range.startContainer) || !box.contains(range.endContainer)) return undefined;
  const raw = range.toString();
  if (!raw.trim()) return undefined;
  const start = charactersBefore(box, range.startContainer, range.startOffset);
  const from = start + raw.length - raw.trimStart().length;
  const to = from + raw.trim().length;
  // a browser may select half of an emoji of several parts
  return [characterAround(text, from)?.start ?? from, characterAround(text, to)?.end ?? to];
}

export function SpansField(p: FieldProps<FieldOf<"spans">>) {
  const { field } = p;
  const text = textOf(at(p.input, field.from));
  const words = wordsIn(text);
  const marks = (at(p.value, field.name) ?? []) as readonly Mark[];
  const box = useRef<HTMLDivElement>(null);
  const [cursor, setCursor] = useState<Stretch>(); // words, anchor to head
  const [dragged, setDragged] = useState<Stretch>(); // characters, by the mouse
  const [native, setNative] = useState<Stretch>(); // characters, by the phone: it draws them itself
  const [byTouch, setByTouch] = useState(false);
  const chosen: Stretch | undefined =
    native ??
    dragged ??
    (cursor && words.length
      ? [words[Math.min(...cursor)]![0], words[Math.max(...cursor)]![1]]
      : undefined);
  const unchoose = () => {
    setDragged(undefined);
    setNative(undefined);
  };
  const apply = (label: string) => {
    if (!chosen) return;
    const [start, end] = chosen;
    const same = marks.find((m) => m.start === start && m.end === end);
    const others = marks.filter((m) => m !== same);
    const next = same?.label === label ? others : [...others, { start, end, label }];
    p.set(next.length ? next.toSorted((a, b) => a.start - b.start || a.end - b.end) : undefined);
    unchoose();
    if (byTouch) {
      getSelection()?.removeAllRanges();
      setCursor(undefined);
    }
  };
  const move = (way: number, shift: boolean) => {
    const [anchor, head] = cursor ?? [way > 0 ? -1 : words.length, way > 0 ? -1 : words.length];
    const to = Math.max(0, Math.min(words.length - 1, head + way));
    unchoose();
    setByTouch(false);
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

  /** The word that is nearest to a place on the screen. */
  const wordAt = (e: PointerEvent): number | undefined => {
    const character = characterAt(box.current!, e.clientX, e.clientY);
    if (character === undefined || !words.length) return undefined;
    const far = ([start, end]: Stretch) =>
      character < start ? start - character : Math.max(0, character - end);
    return words.reduce((best, w, i) => (far(w) < far(words[best]!) ? i : best), 0);
  };
  const touch = useRef<{ x: number; y: number; anchor?: number }>(undefined);
  const press = (e: PointerEvent<HTMLDivElement>) => {
    if (p.disabled || e.pointerType !== "touch") return;
    const handle = (e.target as HTMLElement).dataset["handle"];
    touch.current = { x: e.clientX, y: e.clientY };
    if (!handle || !cursor) return;
    // the other end stays
    touch.current.anchor = handle === "start" ? Math.max(...cursor) : Math.min(...cursor);
    e.currentTarget.setPointerCapture(e.pointerId);
  };
  const stretch = (e: PointerEvent) => {
    const anchor = touch.current?.anchor;
    if (anchor === undefined) return;
    const word = wordAt(e);
    if (word !== undefined) setCursor([anchor, word]);
  };
  const release = (e: PointerEvent) => {
    if (p.disabled) return;
    if (e.pointerType !== "touch") {
      const found = selectedIn(box.current, text);
      if (!found) return;
      setByTouch(false);
      setNative(undefined);
      setDragged(found);
      getSelection()?.removeAllRanges();
      return;
    }
    const from = touch.current;
    touch.current = undefined;
    const still = from && Math.hypot(e.clientX - from.x, e.clientY - from.y) < TAP_PX;
    if (!still || from.anchor !== undefined || selectedIn(box.current, text)) return;
    const word = wordAt(e);
    if (word === undefined) return;
    unchoose();
    setByTouch(true);
    setCursor([word, word]);
  };
  const { disabled } = p;
  useEffect(() => {
    // a selection by touch goes on after the finger is up, by handles that tell the page nothing else
    if (disabled || !matchMedia("(any-pointer: coarse)").matches) return;
    const listen = () => {
      const found = selectedIn(box.current, text);
      if (!found) return; // a label's button takes the selection away: what was chosen stays chosen
      setByTouch(true);
      setCursor(undefined);
      setNative(found);
    };
    document.addEventListener("selectionchange", listen);
    return () => document.removeEventListener("selectionchange", listen);
  }, [text, disabled]);

  // while the phone draws the selection no text is cut: that would end it
  const drawn = native ? undefined : chosen;
  const cuts = [
    ...new Set([0, text.length, ...marks.flatMap((m) => [m.start, m.end]), ...(drawn ?? [])]),
  ]
    .filter((x) => x <= text.length)
    .toSorted((a, b) => a - b);
  const handles = byTouch && cursor !== undefined && !native;
  const colour = (label: string) => field.labels.findIndex((l) => l.value === label) % 4;
  const name = (label: string) => field.labels.find((l) => l.value === label)?.label ?? label;
  return (
    <div className="stack tight">
      {/* the text takes the arrows, the mouse and the finger; a screen reader hears the chosen words below */}
      <div
        ref={box}
        className="read marked"
        data-focus=""
        data-testid={field.from}
        role="application"
        aria-labelledby={p.labelId}
        aria-describedby={`${p.labelId}-how`}
        tabIndex={p.disabled ? -1 : 0}
        onPointerDown={press}
        onPointerMove={stretch}
        onPointerUp={release}
        onPointerCancel={() => (touch.current = undefined)}
      >
        {cuts.slice(0, -1).map((start, i) => {
          const end = cuts[i + 1]!;
          const mark = marks.find((m) => m.start <= start && m.end >= end);
          const picked = drawn && drawn[0] <= start && drawn[1] >= end;
          return (
            <span
              key={start}
              className={`${mark ? `mark mark-${colour(mark.label)}` : ""} ${picked ? "picked" : ""}`}
            >
              {handles && start === drawn![0] && <i className="handle" data-handle="start" />}
              {text.slice(start, end)}
              {handles && end === drawn![1] && <i className="handle" data-handle="end" />}
            </span>
          );
        })}
      </div>
      <p className="quiet small hint" id={`${p.labelId}-how`}>
        <span className="by-keys">
          Select with the mouse, or <Kbd>←</Kbd> <Kbd>→</Kbd> word by word and <Kbd>Shift</Kbd> to
          stretch; then a label.
        </span>
        <span className="by-touch">
          Tap a word, drag its handles to stretch it; then tap a label.
        </span>
      </p>
      <p className="unseen" role="status">
        {chosen ? text.slice(...chosen) : ""}
      </p>
      <div className="options inline label-buttons" role="group" aria-label="Labels">
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
