/** Whether one summary is so: its sentences with their claims, who said what of each, and the words that show it, down into the book. */
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { WayDown } from "@tiller/book/down.ts";
import {
  ClaimsSaid,
  CoherenceSaid,
  type ClaimVerdict,
  type ErrorType,
  errorTypes,
  type TreeNode,
} from "@tiller/schema";
import { asking } from "../api.ts";
import { Badge, Empty } from "../design/components.tsx";
import { type BookTree, type Lead, sentences, type Support } from "./book-tree.ts";
import type { NodeTabProps } from "./node-tab.ts";
import { inBook, type Place, placeOf } from "./places.ts";
import { StartCheck, VerdictChip } from "./score-bar.tsx";

interface Said {
  readonly claim: string;
  /** by who said it: the last word of each */
  readonly verdicts: Map<string, { readonly verdict: ClaimVerdict; readonly person: boolean }>;
  readonly places: Map<string, Place>;
}

export function Faith({ id, tree, node, page, support, follow }: NodeTabProps) {
  const detail = useQuery(asking("getTree", { id }));
  const book = useQuery({ ...asking("treeText", { id }), staleTime: Infinity });
  const text = book.data?.text;
  const way = useMemo(
    () => (text === undefined ? undefined : new WayDown(tree.nodes.values(), text)),
    [tree, text],
  );
  const own = page.judgments.filter((j) => j.kind === "claims" || j.kind === "coherence");
  const here = own.filter((j) => j.texts[0] === node.text?.trim()).toReversed(); // the oldest first
  const parts = sentences(node.text ?? "");
  const claims = parts.map(() => new Map<string, Said>());
  const errors = parts.map(() => new Map<ErrorType, string[]>());
  for (const j of here) {
    if (j.kind === "claims")
      for (const { sentence, claim, verdict, spans } of ClaimsSaid.parse(j.value).claims) {
        const of = claims[sentence];
        const said = of?.get(claim) ?? { claim, verdicts: new Map(), places: new Map() };
        said.verdicts.set(j.author.name, { verdict, person: j.author.kind === "person" });
        for (const s of spans) said.places.set(`${s.from} ${s.quote}`, s);
        of?.set(claim, said);
      }
    else
      for (const [i, types] of CoherenceSaid.parse(j.value).sentences.entries())
        for (const t of types) errors[i]?.set(t, [...(errors[i].get(t) ?? []), j.author.name]);
  }
  const older = own.length - here.length;
  const note = older > 0 && (
    <p className="quiet small">
      {older === 1 ? "One check is" : `${older} checks are`} of an older summary.
    </p>
  );
  if (here.length === 0)
    return (
      <Empty title="Nobody has checked this summary">
        {note}
        <p>A check takes what each sentence claims, and says by which words it is so.</p>
        <StartCheck id={id} model={detail.data?.settings.model} />
      </Empty>
    );
  return (
    <>
      {note}
      <ol className="faith">
        {parts.map((s, i) => (
          <li key={s.from} className="stack tight">
            <p className="read">{s.text}</p>
            {[...errors[i]!].map(([type, who]) => (
              <p key={type} className="small">
                <Badge tone="warn">{type}</Badge> {errorTypes[type]}; says {who.join(", ")}
              </p>
            ))}
            {[...claims[i]!.values()].map((c) => (
              <div key={c.claim} className="faith-claim stack tight">
                {c.claim !== s.text && <p>{c.claim}</p>}
                <p className="row book-ways">
                  {[...c.verdicts].map(([who, v]) => (
                    <VerdictChip
                      key={who}
                      verdict={v.verdict}
                      who={v.person ? who : `${who} (a model)`}
                    />
                  ))}
                </p>
                {[...c.places.values()].map((q) => (
                  <Quote
                    key={`${q.from} ${q.quote}`}
                    {...{ q, tree, node, support, follow, way }}
                  />
                ))}
                {c.places.size === 0 && <p className="quiet small">No words are named for it.</p>}
              </div>
            ))}
            {claims[i]!.size === 0 && <p className="quiet small">No verdict on it.</p>}
          </li>
        ))}
      </ol>
    </>
  );
}

function Quote(p: {
  readonly q: Place;
  readonly tree: BookTree;
  readonly node: TreeNode;
  readonly support: Support;
  readonly follow: (lead: Lead) => void;
  readonly way: WayDown | undefined;
}) {
  const { q, tree, follow } = p;
  const lead = placeOf(tree, p.support, p.node, q);
  const words = `“${q.quote}”`;
  if (!lead)
    return <p className="quiet small">{words}: what it was made from has changed since.</p>;
  const last = lead.span ? undefined : p.way?.from(lead.node, q.quote).at(-1);
  const down = last?.node === null ? inBook(tree, last.from, last.to, last.text) : undefined;
  return (
    <p className="row book-ways">
      <button type="button" className="link" onClick={() => follow(lead)}>
        {words}
      </button>
      {down && (
        <button type="button" className="link" onClick={() => follow(down)}>
          in the book
        </button>
      )}
    </p>
  );
}
