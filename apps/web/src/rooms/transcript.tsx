/** What was said so far, as the seat sees it: rounds, moves, quotes that lead to their place in the text. */
import { letter, type Line, linesOf, percents } from "@tiller/room/words.ts";
import type { SeatView } from "@tiller/schema";
import { percent } from "../design/components.tsx";
import { hue, nameOf, sideOf, titled } from "./content.ts";

type Round = SeatView["rounds"][number];
type Move = Round["moves"][number];
type Parts = NonNullable<Move["parts"]>;

export const placeId = (text: string, from: number): string => `t-${text}-${from}`;
/** Scrolls there without leaving the page, and puts the focus there. */
function goTo(id: string): void {
  const there = document.getElementById(id);
  there?.closest("details")?.setAttribute("open", "");
  there?.scrollIntoView({ block: "center" });
  there?.focus();
}

const PartsText = ({ parts }: { parts: Parts }) => (
  <>
    {parts.map((p, i) =>
      "text" in p ? (
        <span key={i}>{p.text}</span>
      ) : "unverified" in p ? (
        <q key={i} className="unverified" title="in no text">
          {p.unverified}
        </q>
      ) : (
        <a
          key={i}
          className="quote"
          href={`#${placeId(p.quote.text, p.quote.from)}`}
          onClick={(e) => {
            e.preventDefault();
            goTo(placeId(p.quote.text, p.quote.from));
          }}
        >
          {p.characters}
        </a>
      ),
    )}
  </>
);

const Credences = ({ credence }: { credence: readonly number[] }) => (
  <div className="room-credence num" role="img" aria-label={percents(credence)}>
    {credence.map((p, i) => (
      <span key={i} className={hue(i)} style={{ flex: p }}>
        <b>{letter(i)}</b> {percent(p)}
      </span>
    ))}
  </div>
);

const ItemLink = ({ id }: { id: string }) => (
  <button type="button" className="link" onClick={() => goTo(`i-${id}`)}>
    {id}
  </button>
);
/** The lines of words.ts, as prompts have them, with links. */
function MoveLine({ line }: { line: Line }) {
  if ("credence" in line) return <Credences credence={line.credence} />;
  if ("mark" in line)
    return (
      <div className="utterance">
        <ItemLink id={line.item} />: <b>{line.mark}</b>
      </div>
    );
  if ("words" in line)
    return (
      <div className="utterance quiet">
        {line.words} {line.item !== undefined && <ItemLink id={line.item} />}
      </div>
    );
  const { id, about, parts } = line;
  return (
    <div className="utterance" {...(id === undefined ? {} : { id: `i-${id}`, tabIndex: -1 })}>
      {id !== undefined && (
        <span className="quiet small">
          {id}
          {about !== undefined && (
            <>
              {" about "}
              <ItemLink id={about} />
            </>
          )}{" "}
        </span>
      )}
      <PartsText parts={parts} />
    </div>
  );
}

function MoveCard({ view, move: m }: { view: SeatView; move: Move }) {
  const side = sideOf(view, m.by);
  const mine = m.by === view.seat;
  const honest =
    view.truth === undefined || side === undefined
      ? ""
      : side === view.truth
        ? ", honest"
        : ", dishonest";
  return (
    <article className={`room-move ${hue(side)}`} tabIndex={-1}>
      <h3>
        {nameOf(m.by)}
        {mine ? " (you)" : ""}
        <span className="quiet">
          {side === undefined ? "" : ` for ${letter(side)}`}
          {honest}
        </span>
      </h3>
      {linesOf(view.answers, m).map((line, i) => (
        <MoveLine key={i} line={line} />
      ))}
    </article>
  );
}

export const Transcript = ({ view }: { view: SeatView }) => (
  <div className="transcript">
    {view.rounds
      .filter((r) => r.moves.length > 0)
      .map((r) => (
        <section key={r.n} aria-label={titled(r.label)} data-depth={Math.min(r.depth, 4)}>
          <h2 className="round">
            {titled(r.label)}
            {r.depth > 0 && <span className="quiet"> depth {r.depth}</span>}
          </h2>
          {r.moves.map((m, i) => (
            <MoveCard key={i} view={view} move={m} />
          ))}
        </section>
      ))}
  </div>
);
