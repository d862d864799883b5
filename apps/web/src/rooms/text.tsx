/** The texts as the seat may see them, with what was quoted marked by side; what is selected here can be quoted. */
import type { SeatView } from "@tiller/schema";
import { hue, sideOf } from "./content.ts";
import { placeId } from "./transcript.tsx";

type Text = SeatView["texts"][number];
interface Cited {
  readonly from: number;
  readonly to: number;
  readonly side: number | undefined;
}

function cited(view: SeatView, text: string): Cited[] {
  return view.rounds.flatMap((r) =>
    r.moves.flatMap((m) => {
      const parts = [...(m.items ?? []).flatMap((i) => i.parts), ...(m.parts ?? [])];
      return parts.flatMap((p) =>
        "quote" in p && p.quote.text === text
          ? [{ from: p.quote.from, to: p.quote.to, side: sideOf(view, m.by) }]
          : [],
      );
    }),
  );
}
/** Characters from `from` on, cut where a quote begins or ends. */
function Span({
  text,
  from,
  characters,
  all,
}: {
  text: string;
  from: number;
  characters: string;
  all: readonly Cited[];
}) {
  const to = from + characters.length;
  const cuts = new Set([from, to]);
  for (const c of all) for (const at of [c.from, c.to]) if (at > from && at < to) cuts.add(at);
  const places = [...cuts].toSorted((a, b) => a - b);
  return places.slice(0, -1).map((at, i) => {
    const end = places[i + 1]!;
    const words = characters.slice(at - from, end - from);
    const by = all.filter((c) => c.from <= at && c.to >= end);
    const sides = new Set(by.map((c) => c.side));
    const tone = sides.size > 1 ? "both" : hue([...sides][0]);
    return by.length === 0 ? (
      <span key={at} data-at={at}>
        {words}
      </span>
    ) : (
      <mark key={at} id={placeId(text, at)} className={tone} tabIndex={-1} data-at={at}>
        {words}
      </mark>
    );
  });
}

function OneText({ view, text }: { view: SeatView; text: Text }) {
  const all = cited(view, text.id);
  return (
    <section aria-label={text.title || "Text"} data-text={text.id}>
      <h2>{text.title || "Text"}</h2>
      {text.body === undefined ? (
        <>
          <p className="quiet small">You see of it only what was quoted.</p>
          {text.passages.map((p) => (
            <p key={p.from} className="body">
              <span className="quiet small num passage-at">
                {p.from}–{p.to}
              </span>{" "}
              <Span text={text.id} from={p.from} characters={p.characters} all={all} />
            </p>
          ))}
        </>
      ) : (
        <div className="body">
          <Span text={text.id} from={0} characters={text.body} all={all} />
        </div>
      )}
    </section>
  );
}

export const Texts = ({ view }: { view: SeatView }) => (
  <>
    {view.texts.map((t) => (
      <OneText key={t.id} view={view} text={t} />
    ))}
  </>
);

/** The selection as a span of a text; undefined: nothing of a text is selected. */
export function selectedSpan(): { text: string; from: number; to: number } | undefined {
  const s = getSelection();
  if (!s || s.isCollapsed || s.rangeCount === 0) return undefined;
  const range = s.getRangeAt(0);
  const place = (node: Node, offset: number) => {
    const inside = node.nodeType === Node.TEXT_NODE ? node : node.childNodes[offset];
    const host = (inside?.parentElement ?? (node as Element)).closest<HTMLElement>("[data-at]");
    const text = host?.closest<HTMLElement>("[data-text]")?.dataset["text"];
    if (!host || text === undefined) return undefined;
    const within = node.nodeType === Node.TEXT_NODE ? offset : 0;
    return { text, at: Number(host.dataset["at"]) + within };
  };
  const from = place(range.startContainer, range.startOffset);
  const to = place(range.endContainer, range.endOffset);
  if (!from || !to || from.text !== to.text || to.at <= from.at) return undefined;
  return { text: from.text, from: from.at, to: to.at };
}
