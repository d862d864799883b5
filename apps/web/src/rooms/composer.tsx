/** One's own move: what is due, what is left of the limits, and the keys. What is written is kept on the server at every pause. */
import { type FormEvent, useEffect, useRef, useState } from "react";
import { useMutation } from "@tanstack/react-query";
import { choiceText, percents } from "@tiller/room/words.ts";
import type { SeatPage, SeatView } from "@tiller/schema";
import { api } from "../api.ts";
import { Dialog, Kbd, Refused } from "../design/components.tsx";
import { typingIn } from "../task/field.ts";
import { contentOf, type Selected, textOf, used, wordsOf, written } from "./content.ts";
import { CredenceFields, even } from "./credence.tsx";
import { placeIn, putCaret, QuoteField } from "./quote-field.tsx";
import { selectedSpan } from "./text.tsx";

type Turn = SeatView["turns"][number];
interface Item {
  readonly text: string;
  readonly about: string | undefined;
}
/** What is kept as a draft. */
interface State {
  readonly items: readonly Item[];
  readonly selected: Selected;
  readonly credence: readonly number[];
  readonly marks: Readonly<Record<string, string>>;
  readonly choice: number | undefined;
  readonly shown: readonly number[];
}
const KEEP_MS = 800;
const AGAIN_MS = 2000;

/** The draft of the server: what this page kept, or the move that was taken back. */
function begun(view: SeatView, turn: Turn, draft: unknown): State {
  const fresh: State = {
    items: Array.from({ length: turn.do === "speak" ? Math.max(1, turn.items.least) : 1 }, () => ({
      text: "",
      about: turn.do === "speak" ? turn.about?.[0] : undefined,
    })),
    selected: {},
    credence: turn.do === "credence" ? (turn.before ?? even(turn.answers)) : [],
    marks: {},
    choice: undefined,
    shown: [],
  };
  const kept = draft as { state?: State; act?: Record<string, unknown> } | null;
  if (kept?.state) return { ...fresh, ...kept.state };
  const act = kept?.act;
  if (!act) return fresh;
  const items = (act["items"] as { content: unknown; about?: string }[] | undefined) ?? [];
  const back = items.map((i) => ({ ...written(view, i.content), about: i.about }));
  const one = written(view, act["content"]);
  const choice =
    turn.do === "pick"
      ? turn.choices.findIndex((c) => JSON.stringify(c) === JSON.stringify(act["choice"]))
      : -1;
  return {
    ...fresh,
    items:
      back.length > 0
        ? back.map(({ text, about }) => ({ text, about }))
        : [{ text: one.text, about: undefined }],
    selected: Object.assign({}, one.selected, ...back.map((b) => b.selected)) as Selected,
    credence: (act["credence"] as number[] | undefined) ?? fresh.credence,
    marks: (act["marks"] as Record<string, string> | undefined) ?? {},
    choice: choice >= 0 ? choice : undefined,
  };
}

export function Composer({
  page,
  turn,
  done,
  typing,
}: {
  page: SeatPage;
  turn: Turn;
  done: (p: SeatPage) => void;
  typing: () => void;
}) {
  const { view, room } = page;
  const [state, set] = useState(() => begun(view, turn, page.draft));
  const [ending, askEnd] = useState(false);
  const form = useRef<HTMLFormElement>(null);
  const fields = useRef<(HTMLElement | null)[]>([]);
  const at = useRef(0); // the field that was written in last, and where
  const caret = useRef<readonly [number, number] | undefined>(undefined);
  const round = view.rounds.at(-1)!.n;

  // kept at every pause, again where the server was away, and when the page is left
  const kept = useRef(state);
  const [keeping, setKeeping] = useState<"" | "kept" | "not kept">("");
  useEffect(() => {
    if (kept.current === state) return undefined;
    let timer: ReturnType<typeof setTimeout>;
    const keep = (keepalive: boolean) => {
      api.saveRoomDraft({ id: room, body: { round, body: { state } }, keepalive }).then(
        () => {
          kept.current = state;
          setKeeping("kept");
        },
        () => {
          setKeeping("not kept");
          timer = setTimeout(keep, AGAIN_MS, false);
        },
      );
    };
    timer = setTimeout(keep, KEEP_MS, false);
    const leave = () => keep(true);
    addEventListener("pagehide", leave);
    return () => {
      clearTimeout(timer);
      removeEventListener("pagehide", leave);
    };
  }, [state, room, round]);

  const change = (more: Partial<State>) => {
    typing();
    set((s) => ({ ...s, ...more }));
  };
  const id = useRef(crypto.randomUUID());
  const send = useMutation({
    mutationFn: (act: { do: string; [more: string]: unknown }) =>
      api.playMove({ id: room, body: { id: id.current, act } }),
    onSuccess: (p) => {
      id.current = crypto.randomUUID();
      kept.current = state; // it is said: nothing is left to keep
      done(p);
    },
    onError: () => (id.current = crypto.randomUUID()),
  });

  const contents = state.items.map((i) => contentOf(view, i.text.trim(), state.selected));
  const parts = contents.map((c) => c.content);
  const missing = contents.flatMap((c) => c.missing);
  const one = parts[0] ?? [];

  const quote = () => {
    const span = selectedSpan();
    const field = fields.current[at.current];
    if (!span || !field) return;
    const words = textOf(view, span);
    const { text, about } = state.items[at.current]!;
    const [from, to] = caret.current ?? [text.length, text.length];
    const put = `<quote>${words}</quote>`;
    const items = state.items.map((x, i) =>
      i === at.current ? { text: text.slice(0, from) + put + text.slice(to), about } : x,
    );
    change({ items, selected: { ...state.selected, [words]: span } });
    getSelection()?.removeAllRanges();
    requestAnimationFrame(() => putCaret(field, from + put.length));
  };
  useEffect(() => {
    const look = () => {
      const field = fields.current[at.current];
      caret.current = (field && placeIn(field)) ?? caret.current;
    };
    document.addEventListener("selectionchange", look);
    return () => document.removeEventListener("selectionchange", look);
  }, []);
  const selecting = useSelecting();
  useEffect(() => {
    const key = (e: KeyboardEvent) => {
      const inField = typingIn(e.target as Element | null) !== null;
      if (e.ctrlKey || e.metaKey || e.altKey || inField) return;
      if (e.key === "q" && selectedSpan()) {
        e.preventDefault();
        quote();
      } else if (e.key === "w") {
        e.preventDefault();
        const field = fields.current[at.current];
        if (field) putCaret(field, caret.current?.[1] ?? state.items[at.current]!.text.length);
      }
    };
    addEventListener("keydown", key);
    return () => removeEventListener("keydown", key);
  });

  const actOf = (end: boolean): { do: string; [more: string]: unknown } => {
    switch (turn.do) {
      case "speak":
        return {
          do: "speak",
          items: state.items.flatMap((item, i) =>
            parts[i]!.length === 0 && state.items.length > turn.items.least
              ? []
              : [
                  {
                    content: parts[i]!,
                    ...(item.about === undefined ? {} : { about: item.about }),
                  },
                ],
          ),
        };
      case "credence":
        return { do: "credence", credence: state.credence, end, content: one };
      case "mark":
        return { do: "mark", marks: state.marks };
      case "pick":
        return { do: "pick", choice: turn.choices[state.choice ?? -1] };
      case "vote":
        return { do: "vote", end };
      case "examine":
        return end ? { do: "show", questions: state.shown } : { do: "ask", content: one };
      case "reply":
        return { do: "reply", content: one };
      case "lapse":
        return { do: "lapse" };
    }
  };
  const ready = readyOf(turn, state, parts);
  const submit = (e: FormEvent) => {
    e.preventDefault();
    if (!ready || send.isPending) return;
    if (turn.do === "credence") {
      if (turn.end === "must") askEnd(true);
      else send.mutate(actOf(false));
    } else send.mutate(actOf(false));
  };
  const textual =
    turn.do === "speak" || turn.do === "reply" || turn.do === "credence" || turn.do === "examine";
  const canQuote = textual && view.texts.some((t) => t.body !== undefined || t.passages.length > 0);
  return (
    <form ref={form} className="card composer" aria-label="Your move" onSubmit={submit}>
      <h2>{titleOf(turn)}</h2>
      {turn.do === "credence" && (
        <CredenceFields
          page={page}
          credence={state.credence}
          change={(credence) => change({ credence })}
        />
      )}
      {turn.do === "mark" && (
        <Marks view={view} turn={turn} marks={state.marks} change={(marks) => change({ marks })} />
      )}
      {turn.do === "pick" && (
        <fieldset className="choices">
          <legend className="sr">Pick one</legend>
          {turn.choices.map((c, i) => (
            <label key={i}>
              <input
                type="radio"
                name="pick"
                checked={state.choice === i}
                onChange={() => change({ choice: i })}
              />
              <span>{"item" in c ? itemText(view, c.item) : choiceText(view.answers, c)}</span>
            </label>
          ))}
        </fieldset>
      )}
      {textual &&
        state.items.map((item, i) => (
          <div key={i} className="stack item-field">
            {turn.do === "speak" && turn.about && (
              <label className="small">
                About{" "}
                <select
                  value={item.about}
                  onChange={(e) =>
                    change({
                      items: state.items.map((x, k) =>
                        k === i ? { ...x, about: e.target.value } : x,
                      ),
                    })
                  }
                >
                  {turn.about.map((a) => (
                    <option key={a} value={a}>
                      {itemText(view, a).slice(0, 100)}
                    </option>
                  ))}
                </select>
              </label>
            )}
            <span className="small quiet" aria-hidden="true">
              {fieldName(turn, i, state.items.length)}
            </span>
            <QuoteField
              view={view}
              value={item.text}
              selected={state.selected}
              label={fieldName(turn, i, state.items.length)}
              rows={turn.do === "credence" ? 2 : 5}
              field={(el) => (fields.current[i] = el)}
              focused={() => {
                if (at.current !== i) caret.current = undefined;
                at.current = i;
              }}
              send={() => form.current?.requestSubmit()}
              change={(text) =>
                change({ items: state.items.map((x, k) => (k === i ? { ...x, text } : x)) })
              }
            />
          </div>
        ))}
      {turn.do === "speak" && turn.items.most > state.items.length && (
        <button
          type="button"
          className="button"
          onClick={() => change({ items: [...state.items, { text: "", about: turn.about?.[0] }] })}
        >
          One more
        </button>
      )}
      {turn.do === "examine" && turn.asked > 0 && (
        <fieldset className="choices">
          <legend className="small">Which questions should everyone see?</legend>
          {Array.from({ length: turn.asked }, (_, i) => (
            <label key={i}>
              <input
                type="checkbox"
                checked={state.shown.includes(i)}
                onChange={(e) =>
                  change({
                    shown: e.target.checked
                      ? [...state.shown, i]
                      : state.shown.filter((x) => x !== i),
                  })
                }
              />
              <span>Question {i + 1}</span>
            </label>
          ))}
        </fieldset>
      )}
      {textual && <Left view={view} turn={turn} parts={parts} />}
      {missing.length > 0 && (
        <p className="bad-text small" role="status">
          In no text that you can see: “{missing[0]}”. It will be shown as unverified.
        </p>
      )}
      <Refused error={send.error} />
      <div className="row composer-end">
        {canQuote && (
          <button
            type="button"
            className="button"
            disabled={!selecting}
            onMouseDown={(e) => e.preventDefault()}
            onClick={quote}
          >
            Quote the selection <Kbd>q</Kbd>
          </button>
        )}
        <span className="grow quiet small" role="status">
          {keeping === "kept" && "Draft kept"}
          {keeping === "not kept" && "Not kept so far: the server does not answer"}
        </span>
        {turn.do === "credence" && turn.end === "may" && (
          <button
            type="button"
            className="button"
            disabled={!ready || send.isPending}
            onClick={() => askEnd(true)}
          >
            End here…
          </button>
        )}
        {(turn.do === "vote" || turn.do === "examine") && (
          <button
            type="button"
            className="button"
            disabled={send.isPending}
            onClick={() => send.mutate(actOf(true))}
          >
            {turn.do === "vote" ? "Vote to end" : "Ask nothing more"}
          </button>
        )}
        {(turn.do !== "examine" || turn.left > 0) && (
          <button className="button primary" disabled={!ready || send.isPending}>
            {sendName(turn)} <Kbd>Ctrl ↵</Kbd>
          </button>
        )}
      </div>
      <Dialog open={ending} close={() => askEnd(false)} title="End the room here?">
        <p>
          {turn.do === "credence"
            ? `Your credences stand as they are: ${percents(state.credence)}. `
            : ""}
          Nobody speaks after this, and it cannot be taken back.
        </p>
        <Refused error={send.error} />
        <div className="actions">
          <button type="button" className="button" onClick={() => askEnd(false)}>
            Not yet
          </button>
          <button
            type="button"
            className="button primary"
            disabled={send.isPending}
            onClick={() => send.mutate(actOf(true))}
          >
            End the room
          </button>
        </div>
      </Dialog>
    </form>
  );
}

/** Whether something of a text is selected now. */
function useSelecting(): boolean {
  const [some, set] = useState(false);
  useEffect(() => {
    const look = () => set(selectedSpan() !== undefined);
    document.addEventListener("selectionchange", look);
    return () => document.removeEventListener("selectionchange", look);
  }, []);
  return some;
}

const titles = {
  speak: "Your speech",
  mark: "Your marks",
  pick: "Your choice",
  credence: "How likely is each answer?",
  vote: "Should it end here?",
  examine: "Ask the author",
  reply: "Your reply",
  lapse: "",
} as const;
const titleOf = (turn: Turn) =>
  turn.do === "speak" && turn.items.most > 1 ? "Your items" : titles[turn.do];
const fieldName = (turn: Turn, i: number, n: number) =>
  turn.do === "credence"
    ? "Why (others read it)"
    : turn.do === "examine"
      ? "A question"
      : n > 1
        ? `Item ${i + 1}`
        : "Text, quotes included";
const sendName = (turn: Turn) =>
  turn.do === "credence"
    ? turn.end === "must"
      ? "Give the verdict"
      : "Go on"
    : turn.do === "vote"
      ? "Vote to go on"
      : turn.do === "examine"
        ? "Ask"
        : "Send";

function readyOf(turn: Turn, s: State, parts: readonly (readonly unknown[])[]): boolean {
  switch (turn.do) {
    case "speak":
      return turn.items.least === 0 || parts.filter((p) => p.length > 0).length >= turn.items.least;
    case "mark":
      return turn.items.every((i) => Object.hasOwn(s.marks, i));
    case "pick":
      return s.choice !== undefined;
    case "examine":
    case "reply":
      return (parts[0]?.length ?? 0) > 0;
    default:
      return true;
  }
}

function itemText(view: SeatView, id: string): string {
  for (const r of view.rounds)
    for (const m of r.moves)
      for (const i of m.items ?? [])
        if (i.id === id)
          return `${id}: ${i.parts.map((p) => ("text" in p ? p.text : "quote" in p ? `“${p.characters}”` : p.unverified)).join("")}`;
  return id;
}

const Marks = (p: {
  view: SeatView;
  turn: Extract<Turn, { do: "mark" }>;
  marks: State["marks"];
  change: (m: State["marks"]) => void;
}) => (
  <>
    {p.turn.items.map((item) => (
      <fieldset key={item} className="choices marks">
        <legend>{itemText(p.view, item)}</legend>
        <div className="row">
          {p.turn.labels.map((label) => (
            <label key={label}>
              <input
                type="radio"
                name={`mark-${item}`}
                checked={Object.entries(p.marks).some(([k, v]) => k === item && v === label)}
                onChange={() => p.change({ ...p.marks, [item]: label })}
              />
              <span>{label}</span>
            </label>
          ))}
        </div>
      </fieldset>
    ))}
  </>
);

/** What is left of the limits; below nothing it says how much to cut. */
function Left({
  view,
  turn,
  parts,
}: {
  view: SeatView;
  turn: Turn;
  parts: Parameters<typeof used>[1];
}) {
  if (!("characters" in turn)) return null;
  const { characters, fresh } = used(view, parts);
  const left = (most: number, now: number, what: string) => (
    <span className={now > most ? "bad-text" : ""}>
      {now > most ? `${now - most} ${what} too many` : `${most - now} ${what} left`}
    </span>
  );
  const n = turn.do === "speak" && turn.words ? wordsOf(view, parts) : 0;
  return (
    <p className="row small quiet num left" aria-live="off">
      {left(turn.characters, characters, "characters")}
      {turn.do === "speak" && turn.quoted !== undefined && left(turn.quoted, fresh, "newly quoted")}
      {turn.do === "speak" && turn.words && (
        <span className={n > turn.words.most ? "bad-text" : ""}>
          {n} words, {turn.words.least} to {turn.words.most} asked for
        </span>
      )}
    </p>
  );
}
