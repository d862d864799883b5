/** An edit of a node: other words of the book, or another summary; what it would do is said before it is done. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { type TreeEdit, type TreeEffect, type TreeNode, TreeRedo } from "@tiller/schema";
import { api, keyOf } from "../api.ts";
import { Dialog, duration, fixed, Refused } from "../design/components.tsx";

export const redoNames: Readonly<Record<TreeRedo, string>> = {
  path: "Only what is made from it",
  drifted: "That, and what drifts",
  all: "Everything that has aged, too",
};

export function EditNode(p: {
  readonly id: string;
  readonly node: TreeNode;
  /** of a passage: the book's own */
  readonly words: string | undefined;
  /** what the form begins with, in place of what stands */
  readonly begin?: Pick<TreeEdit, "what" | "text"> | undefined;
  readonly close: () => void;
}) {
  const { id, node, words, begin, close } = p;
  const client = useQueryClient();
  const [what, setWhat] = useState<TreeEdit["what"]>(begin?.what ?? "output");
  const [summary, setSummary] = useState(begin?.what === "output" ? begin.text : (node.text ?? ""));
  const [leaf, setLeaf] = useState(begin?.what === "leaf" ? begin.text : (words ?? ""));
  const body = { node: node.node, what, text: what === "leaf" ? leaf : summary };
  const preview = useMutation({ mutationFn: () => api.previewTreeEdit({ id, body }) });
  const apply = useMutation({
    mutationFn: (redo: TreeRedo) => api.editTree({ id, body: { ...body, redo } }),
    onSuccess: async () => {
      close();
      await client.invalidateQueries({ queryKey: keyOf("getTree", { id }) });
      await client.invalidateQueries({ queryKey: keyOf("treeNode", { id, node: node.node }) });
    },
  });
  const change = (set: (text: string) => void) => (text: string) => {
    set(text);
    preview.reset();
  };
  return (
    <Dialog open close={close} title={`Edit ${node.node}`}>
      <div className="stack book-edit">
        {words !== undefined && (
          <fieldset className="row">
            <legend className="sr">What is edited</legend>
            {(["output", "leaf"] as const).map((w) => (
              <label key={w} className={`button ${what === w ? "primary" : ""}`}>
                <input
                  type="radio"
                  name="what"
                  className="sr"
                  checked={what === w}
                  onChange={() => {
                    setWhat(w);
                    preview.reset();
                  }}
                />
                {w === "output" ? "The summary" : "The book's words"}
              </label>
            ))}
          </fieldset>
        )}
        <textarea
          rows={10}
          aria-label={what === "leaf" ? "The book's words" : "The summary"}
          value={what === "leaf" ? leaf : summary}
          onChange={(e) => change(what === "leaf" ? setLeaf : setSummary)(e.target.value)}
        />
        {what === "output" && <p className="quiet small">At most {node.cap} tokens.</p>}
        {preview.data ? (
          <Effect
            effect={preview.data}
            busy={apply.isPending}
            apply={(redo) => apply.mutate(redo)}
          />
        ) : (
          <div className="row">
            <button
              type="button"
              className="button primary"
              disabled={preview.isPending}
              onClick={() => preview.mutate()}
            >
              What would it do?
            </button>
            <button type="button" className="button" onClick={close}>
              Leave it
            </button>
          </div>
        )}
        <Refused error={preview.error ?? apply.error} />
      </div>
    </Dialog>
  );
}

function Effect(p: { effect: TreeEffect; busy: boolean; apply: (redo: TreeRedo) => void }) {
  return (
    <ul className="book-effects">
      {TreeRedo.options.map((redo) => {
        const e = p.effect[redo];
        return (
          <li key={redo} className="stack tight">
            <button
              type="button"
              className="button"
              disabled={p.busy}
              onClick={() => p.apply(redo)}
            >
              {redoNames[redo]}
            </button>
            <p className="quiet small num">
              {e.nodes} written anew at most
              {e.people.nodes > 0 &&
                `; ${e.people.nodes} by people, ${duration(60 * e.people.minutes)}`}
              {e.policy.nodes > 0 &&
                `; ${e.policy.nodes} by the policy, ${Math.round(e.policy.tokens).toLocaleString("en-GB")} tokens`}
              {e.policy.money > 0 && `, $${fixed(e.policy.money)}`}
              {e.drifts.length > 0 && `; ${e.drifts.length} are kept and drift`}
              {e.asked.length > 0 && `; ${e.asked.length} that people wrote come back to people`}
            </p>
          </li>
        );
      })}
    </ul>
  );
}
