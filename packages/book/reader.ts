/**
 * A tree as one HTML file that needs nothing else: summaries beside the book. A sentence of a summary leads to what it was made from that
 * shares most of its rare words (a child's summary, or the book's own sentence), and from there back up. Parts out of view are not laid
 * out, so that thousands of nodes stay smooth.
 */
import { escaped, htmlPage } from "@tiller/schema";
import type { Entry } from "./keys.ts";
import type { PlanNode } from "./plan.ts";
import { rarity, sentencesOf, support, wordsOf } from "./support.ts";

export interface ShownBook {
  readonly name: string;
  /** by height, then from left to right */
  readonly nodes: readonly PlanNode[];
  readonly text: string;
  readonly outputs: ReadonlyMap<string, Pick<Entry, "text" | "author" | "tokens">>;
  /** what the tree was made by, in a line */
  readonly made: string;
}
/** A sentence of a summary, and the id of the place that it leads to. */
interface Sentence {
  readonly text: string;
  readonly to: string | undefined;
}
interface Marked {
  readonly from: number;
  readonly to: number;
  readonly id: string;
}

const nodeId = (id: string) => `n-${id}`;
const textId = (id: string) => `t-${id}`;
const kinds = ["Passage", "Part"] as const;
const nameOf = (n: PlanNode, root: PlanNode) =>
  n === root && n.height > 0 ? "The book" : `${kinds[Math.min(n.height, 1)]} ${n.id}`;

export function bookReader(b: ShownBook): string {
  const byId = new Map(b.nodes.map((n) => [n.id, n]));
  const root = b.nodes.at(-1)!;
  const leaves = b.nodes.filter((n) => n.span);
  const textOf = (n: PlanNode) => b.text.slice(n.span!.from, n.span!.to);
  const rare = rarity(leaves.map(textOf));
  const sentences = new Map<string, Sentence[]>();
  const marks = new Map<string, Marked[]>();
  const users = new Map<string, Set<string>>(); // what leads to a node's summary from above
  for (const n of b.nodes) {
    const output = b.outputs.get(n.id)?.text ?? "";
    const below = n.span
      ? sentencesOf(textOf(n)).map((s) => ({
          ...s,
          text: textOf(n).slice(s.from, s.to),
          id: `s-${n.id}-${s.from}`,
        }))
      : n.children.map((id) => ({
          text: b.outputs.get(id)?.text ?? "",
          id: nodeId(id),
          child: id,
        }));
    const passages = below.map((p) => wordsOf(p.text));
    const found = sentencesOf(output).map((s) => {
      const text = output.slice(s.from, s.to);
      const at = support(text, passages, rare);
      const to = at === undefined ? undefined : below[at]!;
      if (to && "child" in to) users.set(to.child, (users.get(to.child) ?? new Set()).add(n.id));
      if (to && "from" in to) {
        const old = marks.get(n.id) ?? [];
        if (!old.some((m) => m.id === to.id)) marks.set(n.id, [...old, to]);
      }
      return { text, to: to?.id };
    });
    sentences.set(n.id, found);
  }

  const nodeHtml = (n: PlanNode): string => {
    const output = b.outputs.get(n.id);
    const said = (sentences.get(n.id) ?? [])
      .map((s) =>
        s.to === undefined
          ? `<span class="alone">${escaped(s.text)}</span>`
          : `<a href="#${s.to}">${escaped(s.text)}</a>`,
      )
      .join(" ");
    const who = output
      ? `<span class="by ${output.author.kind}">${output.author.kind === "person" ? "written by " : ""}${escaped(output.author.name)}</span>`
      : "";
    const up =
      n.parent && b.outputs.has(n.parent)
        ? `<a class="way" href="#${nodeId(n.parent)}">up${users.get(n.id)?.size ? ", where it is used" : ""}</a>`
        : "";
    const down = n.span ? `<a class="way" href="#${textId(n.id)}">in the book</a>` : "";
    const body = output
      ? `<p class="said">${said || "<span class='soft'>Empty: nothing to tell.</span>"}</p>`
      : `<p class="soft">Not written yet.</p>`;
    const children = n.children.length
      ? `<details${n.height > 1 ? " open" : ""}><summary>Made from ${n.children.length} ${n.height > 1 ? "parts" : "passages"}</summary>${n.children.map((id) => nodeHtml(byId.get(id)!)).join("")}</details>`
      : "";
    return `<article id="${nodeId(n.id)}" class="node h${Math.min(n.height, 3)}" tabindex="-1"><h2>${escaped(nameOf(n, root))} <span class="ways">${up}${down}</span></h2>${body}<p class="meta">${who}</p>${children}</article>`;
  };

  const leafHtml = (n: PlanNode): string => {
    const text = textOf(n);
    const here = (marks.get(n.id) ?? []).toSorted((x, y) => x.from - y.from);
    const piece = (from: number, to: number): string => {
      let [at, out] = [from, ""];
      for (const m of here.filter((m) => m.from >= from && m.to <= to)) {
        out += `${escaped(text.slice(at, m.from))}<mark id="${m.id}" tabindex="-1">${escaped(text.slice(m.from, m.to))}</mark>`;
        at = m.to;
      }
      return out + escaped(text.slice(at, to));
    };
    const paragraphs: string[] = [];
    let from = 0;
    for (const { 0: gap, index } of text.matchAll(/\n[^\S\n]*(?:\n[^\S\n]*)+|$/g)) {
      const whole = piece(from, index);
      if (whole.trim() !== "") paragraphs.push(`<p>${whole}</p>`);
      from = index + gap.length;
    }
    const lines = Math.ceil(text.length / 70);
    return `<section id="${textId(n.id)}" tabindex="-1" style="contain-intrinsic-height:auto ${Math.round(lines * 27 + 60)}px"><a class="way" href="#${nodeId(n.id)}">summary ${n.id}</a>${paragraphs.join("")}</section>`;
  };

  const written = b.nodes.filter((n) => b.outputs.has(n.id)).length;
  const people = b.nodes.filter((n) => b.outputs.get(n.id)?.author.kind === "person").length;
  const tops = b.outputs.has(root.id) ? [root] : topmost(root, byId, b.outputs);
  const summaries = (tops.length > 0 ? tops : [root]).map(nodeHtml).join("");
  const whole = written === b.nodes.length ? "" : ` of ${b.nodes.length}`;
  const body = `<header><p class="soft">${escaped(b.made)}</p><h1>${escaped(b.name)}</h1>
<p class="soft">${written}${whole} summaries${people ? `, ${people} by people` : ""}. A sentence leads to the words below that it has most in common with: where to look, not whether it is true. Dotted: no such words.</p>
<p class="soft keys"><kbd>j</kbd> <kbd>k</kbd> next, last · <kbd>o</kbd> open, close · <kbd>u</kbd> up · <kbd>b</kbd> the book and back</p>
<nav class="tabs" aria-label="Parts"><a href="#tree">Summaries</a> <a href="#book">The book</a></nav></header>
<div class="columns"><main id="tree" tabindex="-1" aria-label="Summaries">${summaries}</main><aside id="book" aria-label="The book" tabindex="0">${leaves.map(leafHtml).join("")}</aside></div>`;
  return htmlPage({ title: b.name, skip: ["tree", "To the summaries"], css, body, script });
}

/** The highest that are written, in the book's order. */
const topmost = (
  n: PlanNode,
  byId: ReadonlyMap<string, PlanNode>,
  outputs: ShownBook["outputs"],
): PlanNode[] =>
  outputs.has(n.id) ? [n] : n.children.flatMap((id) => topmost(byId.get(id)!, byId, outputs));

const script = `
const nodes=()=>[...document.querySelectorAll(".node")].filter(n=>!n.parentElement.closest("details:not([open])"));
const show=e=>{for(let d=e.closest("details");d;d=d.parentElement.closest("details"))d.open=true;e.focus({preventScroll:true});e.scrollIntoView({block:"start"})};
const here=()=>document.activeElement?.closest(".node,section");
const go=id=>{const e=document.getElementById(id);if(e){history.pushState(null,"","#"+id);show(e);mark(e)}};
let lit;const mark=e=>{lit?.classList.remove("lit");lit=e;e.classList.add("lit")};
addEventListener("click",e=>{const a=e.target.closest?.("a[href^='#']");if(a&&!e.ctrlKey&&!e.metaKey&&!e.shiftKey){e.preventDefault();go(decodeURIComponent(a.hash.slice(1)))}});
const back=()=>{const e=document.getElementById(decodeURIComponent(location.hash.slice(1)));if(e){show(e);mark(e)}};
addEventListener("popstate",back);if(location.hash)back();
addEventListener("keydown",e=>{if(e.ctrlKey||e.metaKey||e.altKey)return;const at=here();
if(e.key==="j"||e.key==="k"){const all=nodes(),i=all.indexOf(at?.closest(".node")),n=all[e.key==="j"?i+1:Math.max(0,i-1)];if(n){show(n);mark(n)}}
else if(e.key==="o"){const d=at?.querySelector(":scope>details");if(d)d.open=!d.open}
else if(e.key==="u"){const p=at?.parentElement.closest(".node");if(p){show(p);mark(p)}}
else if(e.key==="b"&&at){const id=at.id.replace(/^([nt])-/,(_,k)=>k==="n"?"t-":"n-");go(document.getElementById(id)?id:at.querySelector("a[href^='#t-']")?.hash.slice(1)??"book")}});`;

const css = `
body{display:flex;flex-direction:column}
header{max-width:90rem;width:100%;margin:0 auto;padding:1.25rem 1.5rem .75rem}
header p{margin:0 0 .375rem;max-width:60rem}
h1{margin:0 0 .5rem}
h2{letter-spacing:0;text-transform:none;display:flex;gap:.75rem;align-items:baseline;justify-content:space-between;margin:0 0 .25rem;font-size:.8125rem;color:var(--soft)}
.columns{display:grid;grid-template-columns:minmax(0,1fr);max-width:90rem;width:100%;margin:0 auto}
main,aside{min-width:0;padding:0 1rem 2rem}
.node{background:var(--card);border:1px solid var(--line);border-left:4px solid var(--of,var(--line));border-radius:.5rem;padding:.75rem 1rem;margin:.75rem 0;content-visibility:auto;contain-intrinsic-height:auto 9rem;scroll-margin-top:.5rem}
.node .node{margin:.5rem 0}
.h3{--of:var(--ink)}.h2{--of:var(--a)}.h1{--of:var(--c)}.h0{--of:var(--b)}
.said{margin:0;overflow-wrap:anywhere;max-width:44rem}
.h2>.said,.h3>.said{font:1.0625rem/1.6 "Source Serif 4",Georgia,serif}
.said a{color:inherit;text-decoration:underline;text-decoration-color:var(--line);text-underline-offset:.1875rem;text-decoration-thickness:2px}
.said a:hover{background:var(--a-wash);text-decoration-color:var(--a)}
.alone{border-bottom:2px dotted var(--b)}
.meta{margin:.375rem 0 0;font-size:.8125rem;color:var(--soft)}
.person{color:var(--c);font-weight:600}
.ways{display:flex;gap:.75rem}
.way{color:var(--a);font:500 .8125rem/1.6 Inter,system-ui,sans-serif;padding:.125rem 0}
details{margin-top:.5rem}
summary{cursor:pointer;font-size:.875rem;color:var(--soft);padding:.25rem 0;min-height:1.75rem}
aside{font:1.0625rem/1.7 "Source Serif 4",Georgia,serif;border-top:1px solid var(--line)}
section{content-visibility:auto;border-top:1px solid var(--line);padding:.5rem .5rem .75rem;scroll-margin-top:.5rem}
section p{margin:.375rem 0 .75rem;max-width:40rem;overflow-wrap:anywhere}
mark{background:var(--c-wash);color:inherit;border-radius:.1875rem;box-decoration-break:clone;-webkit-box-decoration-break:clone}
.node.lit,section.lit,mark.lit{outline:3px solid var(--a);outline-offset:2px}
section:focus,.node:focus,mark:focus,main:focus{outline:0}.node.lit:focus,section.lit:focus,mark.lit:focus{outline:3px solid var(--a)}
.tabs{display:flex;gap:1rem;padding-top:.25rem}.tabs a{color:var(--a);padding:.25rem 0}
@media(min-width:64rem){body{height:100vh}.columns{flex:1;min-height:0;grid-template-columns:minmax(0,1fr) minmax(0,1fr)}main,aside{overflow:auto;overscroll-behavior:contain}aside{border:0;border-left:1px solid var(--line)}.tabs{display:none}}
@media(max-width:64rem){.keys{display:none}}
@media(max-width:40rem){header{padding:1rem}h1{font-size:1.375rem}.node{padding:.625rem .75rem}main,aside{padding:0 .5rem 2rem}.node .node{padding:.5rem;border-right:0}}
@media print{main,aside{overflow:visible}}
`;
