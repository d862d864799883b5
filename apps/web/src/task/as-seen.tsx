/** A task as its rater saw it, with the answer where it was given; nothing can be changed. */
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import type { Seen, View } from "@tiller/schema";
import { at, type Draft, fieldsOf, inWords } from "@tiller/task";
import { asking } from "../api.ts";
import { Loaded } from "../design/components.tsx";
import { TaskForm } from "./task-form.tsx";

export function AsSeen({
  view,
  input,
  swap,
  shown,
  value,
}: Omit<Seen, "value"> & { value?: unknown }) {
  if (!view) return <InputTexts input={input} />;
  return (
    <div className="as-seen">
      <TaskForm
        view={view}
        input={input}
        swap={swap}
        shown={shown}
        value={(value ?? {}) as Draft}
        onChange={() => {}}
        onSubmit={() => {}}
        readOnly
      />
    </div>
  );
}

/** An answer that is opened where it is named: asked for then. */
export function LookAtAnswer({ answer, label }: { answer: string; label: string }) {
  const [open, setOpen] = useState(false);
  const seen = useQuery(asking("getAnswer", open ? { id: answer } : undefined));
  return (
    <details onToggle={(e) => setOpen(e.currentTarget.open)}>
      <summary>{label}</summary>
      {open && <Loaded query={seen}>{(found) => <AsSeen {...found} />}</Loaded>}
    </details>
  );
}

/** An answer in the words of the form: "Better: Second; Why: it is true". */
export function answerInWords(view: View | null, input: unknown, value: unknown): string {
  if (!view) return plain(value);
  const fields = fieldsOf(view);
  const said = fields.flatMap((f) => {
    const own = at(value, f.name);
    if (own === undefined || own === null) return [];
    const words = inWords(view, input, f.name, own);
    return [fields.length > 1 ? `${f.label || f.name}: ${words}` : words];
  });
  return said.join("; ") || "nothing";
}
/** Of kinds from before there were views. */
function plain(value: unknown): string {
  if (value === null || value === undefined) return "nothing";
  if (typeof value !== "object") return String(value as string | number | boolean);
  if (Array.isArray(value)) return value.map(plain).join(", ");
  const entries = Object.entries(value);
  return entries.length === 1
    ? plain(entries[0]![1])
    : entries.map(([key, v]) => `${key} ${plain(v)}`).join(", ");
}

/** The texts of an input without a view, labelled by their keys. */
export function InputTexts({ input }: { input: unknown }) {
  const texts: [string, string][] = [];
  const walk = (v: unknown, path: string) => {
    if (typeof v === "string") texts.push([path, v]);
    else if (typeof v === "object" && v !== null)
      for (const [key, inner] of Object.entries(v)) walk(inner, path ? `${path}.${key}` : key);
  };
  walk(input, "");
  return (
    <>
      {texts
        .filter(([path]) => !/(^|\.)(sample|id)$/.test(path))
        .map(([path, text]) => (
          <div key={path}>
            <span className="quiet small">{path.replace(/\.text$/, "")}</span>
            <p className="words">{text.trim()}</p>
          </div>
        ))}
    </>
  );
}
