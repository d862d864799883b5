/**
 * What somebody writes, with its quotes as readers will see them. The value is text with <quote>...</quote> in it; a quote is one
 * piece here: the arrows go past it, Backspace and Delete take it out, and its words cannot be changed.
 */
import { useEffect, useRef } from "react";
import type { SeatView } from "@tiller/schema";
import { contentOf, hue, type Selected, sideOf } from "./content.ts";

/** A caret has no place after a piece that ends a line, but after this. */
const REST = "\u200b";
const QUOTE = /<quote>([\s\S]*?)<\/quote>/gi;

function valueOf(node: Node): string {
  if (node.nodeType === Node.TEXT_NODE) return node.nodeValue!.replaceAll(REST, "");
  if (node instanceof HTMLElement && node.dataset["quote"] !== undefined)
    return `<quote>${node.dataset["quote"]}</quote>`;
  if (node instanceof HTMLBRElement) return "\n";
  return [...node.childNodes].map(valueOf).join("");
}

function piece(words: string, known: boolean): HTMLElement {
  const el = document.createElement("span");
  el.className = known ? "quote" : "unverified";
  el.contentEditable = "false";
  el.dataset["quote"] = words;
  el.textContent = words;
  if (!known) el.title = "in no text that you can see";
  return el;
}
function paint(el: HTMLElement, view: SeatView, value: string, selected: Selected): void {
  const nodes: Node[] = [];
  let end = 0;
  for (const m of value.matchAll(QUOTE)) {
    nodes.push(document.createTextNode(value.slice(end, m.index)));
    nodes.push(piece(m[1]!, contentOf(view, m[0], selected).missing.length === 0));
    nodes.push(document.createTextNode(REST));
    end = m.index + m[0].length;
  }
  nodes.push(document.createTextNode(value.slice(end)));
  el.replaceChildren(...nodes.filter((n) => n.nodeValue !== ""));
}

/** Where the selection stands in the value; undefined: not in this field. */
export function placeIn(el: HTMLElement): [from: number, to: number] | undefined {
  const s = getSelection();
  if (!s || s.rangeCount === 0 || !el.contains(s.anchorNode)) return undefined;
  const { startContainer, startOffset, endContainer, endOffset } = s.getRangeAt(0);
  const until = (node: Node, offset: number) => {
    const range = document.createRange();
    range.setStart(el, 0);
    range.setEnd(node, offset);
    return valueOf(range.cloneContents()).length;
  };
  return [until(startContainer, startOffset), until(endContainer, endOffset)];
}
export function putCaret(el: HTMLElement, place: number): void {
  let left = place;
  el.focus();
  for (const node of el.childNodes) {
    const length = valueOf(node).length;
    const isText = node.nodeType === Node.TEXT_NODE;
    if (left > length || (!isText && left === length && node.nextSibling)) {
      left -= length;
      continue;
    }
    const rests = isText && node.nodeValue!.startsWith(REST) ? 1 : 0;
    if (isText) getSelection()?.collapse(node, left + rests);
    else getSelection()?.collapse(el, [...el.childNodes].indexOf(node) + (left > 0 ? 1 : 0));
    return;
  }
  getSelection()?.collapse(el, el.childNodes.length);
}

export function QuoteField(p: {
  view: SeatView;
  value: string;
  selected: Selected;
  label: string;
  rows: number;
  field: (el: HTMLElement | null) => void;
  change: (value: string) => void;
  send: () => void;
  focused: () => void;
}) {
  const el = useRef<HTMLDivElement>(null);
  useEffect(() => {
    // what was typed is there already; anything else (a draft, a quote, a piece taken out) is painted
    if (el.current && valueOf(el.current) !== p.value)
      paint(el.current, p.view, p.value, p.selected);
  }, [p.value, p.view, p.selected]);
  const without = (from: number, to: number) => {
    p.change(p.value.slice(0, from) + p.value.slice(to));
    requestAnimationFrame(() => el.current && putCaret(el.current, from));
  };
  return (
    <div
      ref={(node) => {
        el.current = node as HTMLDivElement;
        p.field(node);
      }}
      className={`quote-field ${hue(sideOf(p.view, p.view.seat))}`}
      role="textbox"
      aria-multiline="true"
      aria-label={p.label}
      tabIndex={0}
      contentEditable="plaintext-only"
      suppressContentEditableWarning
      style={{ minHeight: `calc(${p.rows} * 1.55em + 1.5rem)` }}
      onFocus={p.focused}
      onInput={(e) => {
        const field = e.currentTarget;
        const value = valueOf(field);
        if (/<\/quote>/i.test(field.textContent)) {
          // tags that were written by hand, or came with a draft that was pasted
          const [, at] = placeIn(field) ?? [0, value.length];
          paint(field, p.view, value, p.selected);
          putCaret(field, at);
        }
        p.change(value);
      }}
      onKeyDown={(e) => {
        if (e.key === "Enter" && (e.ctrlKey || e.metaKey)) {
          e.preventDefault();
          p.send();
          return;
        }
        const at = placeIn(e.currentTarget);
        if (!at || at[0] !== at[1]) return;
        const [place] = at;
        for (const m of p.value.matchAll(QUOTE)) {
          const end = m.index + m[0].length;
          if (e.key === "Backspace" ? end !== place : e.key !== "Delete" || m.index !== place)
            continue;
          e.preventDefault();
          without(m.index, end);
          return;
        }
      }}
    />
  );
}
