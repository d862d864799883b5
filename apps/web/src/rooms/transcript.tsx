/** What was said so far, as the seat sees it: rounds, moves, quotes that lead to their place in the text. */
import type { SeatView } from "@tiller/schema";
import { percent } from "../design/components.tsx";
import { hue, letter, nameOf, sideOf, titled } from "./content.ts";

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

export const choiceText = (view: SeatView, c: NonNullable<Move["choice"]>): string =>
  "answer" in c
    ? `argues for ${letter(c.answer)}: ${view.answers[c.answer]}`
    : "meta" in c
      ? c.meta
      : `goes on about ${c.item}`;

export const Credences = ({ credence }: { credence: readonly number[] }) => (
  <div
    className="room-credence num"
    role="img"
    aria-label={credence.map((p, i) => `${letter(i)} ${percent(p)}`).join(", ")}
  >
    {credence.map((p, i) => (
      <span key={i} className={hue(i)} style={{ flex: p }}>
        <b>{letter(i)}</b> {percent(p)}
      </span>
    ))}
  </div>
);

function MoveCard({ view, move: m }: { view: SeatView; move: Move }) {
  const side = sideOf(view, m.by);
  const mine = m.by === view.seat;
  const honest =
    view.truth === undefined || side === undefined
      ? ""
      : side === view.truth
        ? ", honest"
        : ", dishonest";
  const many = (m.items?.length ?? 0) > 1;
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
      {m.items?.map((item) => (
        <div key={item.id} className="utterance" id={`i-${item.id}`} tabIndex={-1}>
          {(many || item.about !== undefined) && (
            <span className="quiet small">
              {item.id}
              {item.about !== undefined && (
                <>
                  {" about "}
                  <button className="link" onClick={() => goTo(`i-${item.about!}`)}>
                    {item.about}
                  </button>
                </>
              )}{" "}
            </span>
          )}
          <PartsText parts={item.parts} />
        </div>
      ))}
      {m.credence && <Credences credence={m.credence} />}
      {m.parts && m.parts.length > 0 && (
        <div className="utterance">
          <PartsText parts={m.parts} />
        </div>
      )}
      {m.marks && (
        <ul className="utterance">
          {Object.entries(m.marks).map(([item, mark]) => (
            <li key={item}>
              {item}: <b>{mark}</b>
            </li>
          ))}
        </ul>
      )}
      {m.choice && <div className="utterance">{choiceText(view, m.choice)}</div>}
      {m.do === "vote" && (
        <div className="utterance">{m.end ? "votes to end" : "votes to go on"}</div>
      )}
      {m.do === "lapse" && <div className="utterance quiet">said nothing in time</div>}
      {m.credence && m.end && <p className="quiet small">and ends the room</p>}
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
