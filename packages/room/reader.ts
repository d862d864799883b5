/**
 * A room as one HTML file that needs nothing else: speeches with their quotes, the text beside them with what was quoted marked,
 * credences over time. Made from a view, so that it shows what that seat may see. Links lead from a quote to its place in the text
 * and back; j and k go from move to move.
 */
import { escaped, htmlPage } from "@tiller/schema";
import type { Asked } from "./asked.ts";
import type { Judgment } from "./judgments.ts";
import type { Score } from "./score.ts";
import type { SeenMove, SeenPart, SeenRound, SeenText, View } from "./view.ts";
import { letter, type Line, linesOf, percents } from "./words.ts";

const percent = (p: number) => `${(100 * p).toFixed(0)} %`;
const titled = (label: string) => label.replace(/-\d+$/, "").replaceAll("-", " ");

interface Citation {
  readonly text: string;
  readonly from: number;
  readonly to: number;
  readonly side: number | undefined;
  /** of the speech, and what its link back says */
  readonly move: string;
  readonly by: string;
}

/** Which answer a seat argues for. */
const sideOf = (view: View, seat: string) => view.sides.find((s) => s.seat === seat)?.answer;
const hue = (side: number | undefined) => (side === undefined ? "none" : `side-${side % 4}`);
const idOf = (round: SeenRound, at: number) => `m${round.n}-${at}`;
/** An item's name as a link to it. */
const itemLink = (id: string) => `<a class="ref" href="#i-${escaped(id)}">${escaped(id)}</a>`;
const sideNames = { honest: "the honest side", dishonest: "the dishonest side" } as const;
const nameOf = (by: string) => (by === "honest" || by === "dishonest" ? sideNames[by] : by);

/** Every quote in the order of the room. */
function citations(view: View): Citation[] {
  return view.rounds.flatMap((round) =>
    round.moves.flatMap((move, i) => {
      const parts = [...(move.items ?? []).flatMap((item) => item.parts), ...(move.parts ?? [])];
      return parts.flatMap((part) =>
        "quote" in part
          ? [{ ...part.quote, side: sideOf(view, move.by), move: idOf(round, i), by: move.by }]
          : [],
      );
    }),
  );
}

const partsHtml = (parts: readonly SeenPart[]) =>
  parts
    .map((part) => {
      if ("text" in part) return escaped(part.text);
      if ("unverified" in part)
        return `<q class="unverified" title="in no text">${escaped(part.unverified)}</q>`;
      if (part.characters.trim() === "") return escaped(part.characters); // a link needs a name
      const { text, from } = part.quote;
      return `<a class="quote" href="#t-${escaped(text)}-${from}">${escaped(part.characters)}</a>`;
    })
    .join("");

/** The lines of words.ts, with links. */
function lineHtml(line: Line): string {
  if ("credence" in line) return credenceHtml(line.credence);
  if ("mark" in line)
    return `<div class="said">${itemLink(line.item)}: <b>${escaped(line.mark)}</b></div>`;
  if ("words" in line) {
    const item = line.item === undefined ? "" : ` ${itemLink(line.item)}`;
    return `<div class="said">${escaped(line.words)}${item}</div>`;
  }
  const { id, about, parts } = line;
  if (id === undefined) return `<div class="said">${partsHtml(parts)}</div>`;
  const whose = about === undefined ? "" : ` about ${itemLink(about)}`;
  return `<div class="said" id="i-${escaped(id)}" tabindex="-1"><span class="item">${escaped(id)}${whose}</span> ${partsHtml(parts)}</div>`;
}

function moveHtml(view: View, round: SeenRound, move: SeenMove, i: number): string {
  const side = sideOf(view, move.by);
  const who = side === undefined ? nameOf(move.by) : `${move.by}, for ${letter(side)}`;
  const honest = view.truth === undefined || side === undefined ? "" : side === view.truth;
  const role = honest === "" ? "" : `<span class="role">${honest ? "honest" : "dishonest"}</span>`;
  const said = linesOf(view.answers, move).map(lineHtml);
  return `<article id="${idOf(round, i)}" class="move ${hue(side)}" tabindex="-1"><h3>${escaped(who)} ${role}</h3>${said.join("")}</article>`;
}

const credenceHtml = (p: readonly number[]) =>
  `<div class="credence" role="img" aria-label="${percents(p)}">${p
    .map(
      (x, i) =>
        `<span class="${hue(i)}" style="flex:${x.toFixed(4)}"><b>${letter(i)}</b> ${percent(x)}</span>`,
    )
    .join("")}</div>`;

/** Each judge's credence in the right answer (the first one where it is not known) at every word of theirs. */
function curve(view: View): string {
  const target = view.truth ?? 0;
  const judges = new Map<string, { p: number; label: string; move: string }[]>();
  for (const round of view.rounds)
    for (const [i, move] of round.moves.entries())
      if (move.credence)
        judges.set(move.by, [
          ...(judges.get(move.by) ?? []),
          { p: move.credence[target]!, label: titled(round.label), move: idOf(round, i) },
        ]);
  const most = Math.max(0, ...[...judges.values()].map((w) => w.length));
  if (most === 0) return "";
  const [w, h] = [640, 180];
  const x = (i: number) => (most === 1 ? w / 2 : 40 + (i * (w - 80)) / (most - 1));
  const y = (p: number) => 16 + (1 - p) * (h - 40);
  const lines = [...judges.values()].map((words) => {
    const points = words.map((word, i) => `${x(i)},${y(word.p)}`).join(" ");
    const dots = words.map(
      (word, i) =>
        `<a href="#${word.move}" aria-label="${percent(word.p)}, ${escaped(word.label)}"><circle cx="${x(i)}" cy="${y(word.p)}" r="5"/><text x="${x(i)}" y="${y(word.p) + (word.p > 0.85 ? 20 : -11)}">${Math.round(100 * word.p)}</text></a>`,
    );
    return `<polyline points="${points}"/>${dots.join("")}`;
  });
  const grid = [0, 0.5, 1]
    .map((p) => `<path d="M30 ${y(p)}H${w}"/><text x="26" y="${y(p) + 4}">${100 * p}</text>`)
    .join("");
  return `<figure><svg viewBox="0 0 ${w} ${h}" role="group" aria-label="Credence in ${letter(target)} over time"><g class="grid">${grid}</g>${lines.join("")}</svg><figcaption>Credence in ${letter(target)}${view.truth === undefined ? "" : ", the right answer"}, in per cent, each time a judge spoke.</figcaption></figure>`;
}

/** The text with what was quoted marked, and links back to who quoted it. */
function textHtml(text: SeenText, cited: readonly Citation[]): string {
  const here = cited.filter((c) => c.text === text.id);
  const id = (from: number) => `t-${escaped(text.id)}-${from}`;
  const span = (from: number, characters: string): string => {
    const to = from + characters.length;
    const cuts = [
      ...new Set(
        [from, to, ...here.flatMap((c) => [c.from, c.to])].filter((c) => c >= from && c <= to),
      ),
    ].toSorted((a, b) => a - b);
    return cuts
      .slice(0, -1)
      .map((cut, i) => {
        const piece = escaped(characters.slice(cut - from, cuts[i + 1]! - from));
        const over = here.filter((c) => c.from <= cut && c.to > cut);
        if (over.length === 0) return piece;
        const sides = new Set(over.map((c) => c.side));
        const backs = here
          .filter((c) => c.from === cut)
          .map(
            (c) =>
              `<a class="back" href="#${c.move}" aria-label="quoted by ${escaped(c.by)}">${escaped(c.by)}</a>`,
          );
        const name = here.some((c) => c.from === cut) ? ` id="${id(cut)}" tabindex="-1"` : "";
        return `${[...new Set(backs)].join("")}<mark${name} class="${sides.size > 1 ? "both" : hue([...sides][0])}">${piece}</mark>`;
      })
      .join("");
  };
  const body =
    text.body === undefined
      ? text.passages
          .map(
            (p) =>
              `<p class="passage"><span class="at">${p.from}–${p.to}</span> ${span(p.from, p.characters)}</p>`,
          )
          .join("")
      : `<div class="body">${span(0, text.body)}</div>`;
  return `<h2>${escaped(text.title)}</h2>${text.body === undefined ? "<p class='soft'>Only what was quoted.</p>" : ""}${body}`;
}

const endings = {
  judge: "The judge ended it",
  agreement: "Ended by agreement",
  rounds: "All rounds were played",
  annulled: "Annulled",
} as const;

/** What is known beside the moves: for those to whom names are not hidden. */
interface Beside {
  readonly occupants?: Readonly<Record<string, string>>;
  readonly asked?: readonly Asked[];
  readonly judgments?: readonly Judgment[];
}
/** Prompts and replies, folded away; a message is shown as it was sent. */
const askedHtml = (asked: readonly Asked[]) =>
  asked
    .map((a) => {
      const head = `${escaped(a.seat)}, by ${escaped(a.model)}${a.problem === undefined ? "" : ": sent back"}`;
      const messages = a.messages.map(
        (m) => `<h4>${m.role}</h4><pre tabindex="0">${escaped(m.text)}</pre>`,
      );
      const problem =
        a.problem === undefined ? "" : `<p><b>Not taken:</b> ${escaped(a.problem)}</p>`;
      return `<details class="asked"><summary>${head}</summary>${messages.join("")}<h4>reply</h4><pre tabindex="0">${a.reply === null ? "None came." : escaped(a.reply)}</pre>${problem}</details>`;
    })
    .join("");
const judgedHtml = (judgments: readonly Judgment[]) =>
  judgments
    .map(
      (j) =>
        `<article class="move none"><h3>${escaped(j.judge)} <span class="role">${j.mode}</span></h3>${j.credences.map(credenceHtml).join("")}${askedHtml(j.asked ?? [])}</article>`,
    )
    .join("");

export function reader(
  name: string,
  view: View,
  score?: Score,
  { occupants = {}, asked = [], judgments = [] }: Beside = {},
): string {
  const cited = citations(view);
  const answers = view.answers.map((answer, i) => {
    const seats = view.sides.filter((s) => s.answer === i).map((s) => s.seat);
    const by =
      seats.length > 0 ? ` <span class="soft">argued by ${escaped(seats.join(", "))}</span>` : "";
    const right = view.truth === i ? ` <strong class="right">right</strong>` : "";
    return `<li class="${hue(i)}"><b>${letter(i)}</b> <span>${escaped(answer)}${by}${right}</span></li>`;
  });
  const verdict = score
    ? `${percent(score.credence[score.truth]!)} on the right answer after ${score.rounds} ${score.rounds === 1 ? "round" : "rounds"}. Scores: ${Object.entries(
        score.seats,
      )
        .map(([seat, s]) => `${seat} ${s.toFixed(2)}`)
        .join(", ")}.`
    : "No verdict.";
  const rounds = view.rounds
    .filter((r) => r.moves.length > 0)
    .map((round) => {
      const depth = round.depth > 0 ? ` <span class="soft">depth ${round.depth}</span>` : "";
      return `<section style="--depth:${Math.min(round.depth, 4)}"><h2>${escaped(titled(round.label))}${depth}</h2>${round.moves.map((m, i) => moveHtml(view, round, m, i)).join("")}</section>`;
    });
  if (judgments.length > 0)
    rounds.push(`<section><h2>Judged again</h2>${judgedHtml(judgments)}</section>`);
  if (asked.length > 0)
    rounds.push(`<section><h2>What models were asked and said</h2>${askedHtml(asked)}</section>`);
  const sat = Object.entries(occupants).map(([seat, who]) => `${seat}: ${who}`);
  const texts = view.texts.filter((t) => t.body !== undefined || t.passages.length > 0);
  const body = `<header><p class="soft">${escaped(name)} · ${escaped(view.rules)} · seen from seat ${escaped(view.seat)}</p>
<h1>${escaped(view.question)}</h1><ol class="answers">${answers.join("")}</ol>
<p>${view.over ? endings[view.over.by] : "Not over"}. ${escaped(verdict)}</p>${sat.length > 0 ? `<p class="soft">${escaped(sat.join(", "))}</p>` : ""}${curve(view)}</header>
<div class="columns"><main id="room" tabindex="-1">${rounds.join("")}</main>
${texts.length > 0 ? `<aside aria-label="Text" tabindex="0">${texts.map((t) => textHtml(t, cited)).join("")}</aside>` : ""}</div>
<footer class="soft"><kbd>j</kbd> <kbd>k</kbd> next and last move. A quote leads to its place in the text; the name before a mark leads back.</footer>`;
  return htmlPage({ title: name, skip: ["room", "To the room"], css, body, script });
}

const script = `addEventListener("keydown",e=>{if(e.ctrlKey||e.metaKey||e.altKey||!/^[jk]$/.test(e.key))return;const m=[...document.querySelectorAll(".move")],i=m.indexOf(document.activeElement?.closest(".move")),n=m[e.key==="j"?i+1:Math.max(0,i-1)];if(n){n.focus();n.scrollIntoView({block:"start"})}});`;

const css = `
header,.columns,footer{max-width:84rem;margin:auto;padding:1.5rem}
header{padding-top:2.5rem}
h2 .soft{text-transform:none;letter-spacing:0}
.answers{list-style:none;padding:0;margin:0 0 1rem;display:grid;gap:.5rem;max-width:48rem}
.answers li{display:flex;gap:.75rem;padding:.625rem .875rem;border-left:4px solid var(--of);background:var(--wash);border-radius:.25rem}
.right{color:var(--c);margin-left:.25rem}
.side-0{--of:var(--a);--wash:var(--a-wash)}.side-1{--of:var(--b);--wash:var(--b-wash)}.side-2,.side-3{--of:var(--c);--wash:var(--c-wash)}.none{--of:var(--soft);--wash:transparent}.both{--of:var(--ink);--wash:var(--both-wash)}
figure{margin:1.5rem 0 0;max-width:44rem}
svg{width:100%;height:auto;display:block}
polyline{fill:none;stroke:var(--ink);stroke-width:2}circle{fill:var(--card);stroke:var(--ink);stroke-width:2}svg text{fill:var(--ink);font-size:13px;text-anchor:middle}.grid path{stroke:var(--line)}.grid text{fill:var(--soft);text-anchor:end}svg a:focus-visible circle{stroke-width:4}
.columns{display:grid;grid-template-columns:minmax(0,1fr);gap:2rem;padding-top:0}
main{outline:0;min-width:0}
section{margin-left:calc(var(--depth)*1.25rem)}
.move{background:var(--card);border:1px solid var(--line);border-left:4px solid var(--of);border-radius:.5rem;padding:1rem 1.25rem;margin:0 0 1rem;scroll-margin-top:1rem}
.role{font-weight:400;color:var(--soft);margin-left:.375rem}
.said{white-space:pre-wrap;overflow-wrap:anywhere}
.said+.said{margin-top:.75rem}
.ref{color:inherit}.said:target{background:var(--wash)}.item{color:var(--soft);font-size:.8125rem}
.quote,mark{background:var(--wash);color:inherit;border-radius:.1875rem;padding:.0625rem .1875rem;text-decoration:none;box-decoration-break:clone;-webkit-box-decoration-break:clone}
.quote{font-family:"Source Serif 4",Georgia,serif;border-bottom:2px solid var(--of)}
.none .quote{background:color-mix(in srgb,var(--soft) 15%,transparent)}
.unverified{border-bottom:2px dotted var(--b)}
.credence{display:flex;gap:2px;height:2rem;border-radius:.25rem;overflow:hidden;font-size:.875rem}
.credence span{background:var(--wash);border-bottom:4px solid var(--of);padding:.0625rem .5rem;min-width:4.25rem;white-space:nowrap}
.credence+.said{margin-top:.75rem}
aside{font-family:"Source Serif 4",Georgia,serif;line-height:1.7;border-top:1px solid var(--line);padding-top:.5rem;min-width:0}
aside h2{font-family:Inter,system-ui,sans-serif}
.body{white-space:pre-wrap;overflow-wrap:anywhere;max-width:40rem}
.back{font:600 .6875rem/1 Inter,system-ui,sans-serif;color:var(--soft);vertical-align:super;padding:.25rem;margin:0 .0625rem}
.at{color:var(--soft);font:.75rem Inter,system-ui,sans-serif}
.move:target,.move:focus-visible,mark:target{outline:3px solid var(--of);outline-offset:2px}
.asked{margin:.5rem 0}.asked summary{cursor:pointer;padding:.25rem 0}.asked h4{margin:.75rem 0 .25rem;color:var(--soft);font-size:.8125rem}.asked pre{white-space:pre-wrap;overflow-wrap:anywhere;margin:0;padding:.75rem;background:var(--card);border:1px solid var(--line);border-radius:.375rem;font-size:.8125rem;max-height:24rem;overflow:auto}
.credence+.credence{margin-top:.375rem}
footer{border-top:1px solid var(--line);margin-top:2rem}
@media(min-width:64rem){.columns{grid-template-columns:minmax(0,1fr) minmax(0,1fr)}aside{position:sticky;top:0;max-height:100vh;overflow:auto;border:0;border-left:1px solid var(--line);padding:0 0 2rem 2rem}}
@media(max-width:40rem){svg text,.grid text{font-size:22px}circle{r:7}header,.columns,footer{padding:1rem}h1{font-size:1.375rem}.move{padding:.875rem 1rem}}
@media(prefers-reduced-motion:no-preference){html{scroll-behavior:smooth}}
@media print{aside{position:static;max-height:none}}
`;
