/** What a lead does to items: accept, send back with a word to whoever answered, and take it back. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import type { ItemFilter, ItemState, ReviewedItems, ReviewItems } from "@tiller/schema";
import { api, keyOf } from "../api.ts";
import { Badge, Dialog, FormEnd, Refused } from "../design/components.tsx";

const states: Readonly<Record<ItemState, readonly [string, "good" | "warn" | undefined]>> = {
  open: ["open", undefined],
  review: ["to review", "warn"],
  accepted: ["accepted", "good"],
  fixed: ["fixed", "good"],
  returned: ["sent back", undefined],
  gold: ["gold", undefined],
};
export const ItemStateBadge = ({ state }: { state: ItemState }) => {
  const [name, tone] = states[state];
  return <Badge {...(tone ? { tone } : {})}>{name}</Badge>;
};

const done: Readonly<Record<ReviewItems["act"] | "undo", string>> = {
  accept: "accepted",
  fix: "fixed",
  return: "sent back",
  undo: "as before",
};
const items = (n: number) => `${n} ${n === 1 ? "item" : "items"}`;

/** Acts on a project's items; the last one may be undone. */
export function useReview(id: string) {
  const client = useQueryClient();
  const [last, setLast] = useState<{ act: keyof typeof done; what: ReviewedItems }>();
  // not waited for: what is chosen meanwhile stays chosen
  const said = (was: keyof typeof done, what: ReviewedItems) => {
    setLast({ act: was, what });
    for (const name of ["getProject", "listItems", "getItem", "projectPeople"] as const)
      void client.invalidateQueries({ queryKey: keyOf(name) });
  };
  const act = useMutation({
    mutationFn: (body: ReviewItems) => api.reviewItems({ id, body }),
    onSuccess: (what, { act: was }) => said(was, what),
  });
  const undo = useMutation({
    mutationFn: (review: string) => api.undoReview({ id, review }),
    onSuccess: (what) => said("undo", what),
  });
  return { act, undo, last };
}
export type Review = ReturnType<typeof useReview>;

/** What the last act did, what it could not, and its undo. */
export const Reviewed = ({ review: { act, undo, last } }: { review: Review }) => (
  <>
    <Refused error={act.error ?? undo.error} />
    {last && (
      <div className="row small" role="status">
        <span>
          {items(last.what.items)} {done[last.act]}.
        </span>
        {last.what.left.length > 0 && (
          <span className="warn-text">
            Not done:{" "}
            {last.what.left
              .slice(0, 5)
              .map((l) => `item ${l.place} (${l.why})`)
              .join("; ")}
            {last.what.left.length > 5 && ` and ${last.what.left.length - 5} more`}
          </span>
        )}
        {last.act !== "undo" && (
          <button
            className="button"
            disabled={undo.isPending}
            onClick={() => undo.mutate(last.what.review)}
          >
            Undo
          </button>
        )}
      </div>
    )}
  </>
);

/** Acts on the chosen items, or on all that the filter shows. */
export function ReviewBar({
  review,
  chosen,
  filter,
  total,
  clear,
}: {
  review: Review;
  chosen: readonly number[];
  filter: ItemFilter;
  total: number;
  clear: () => void;
}) {
  const [returning, setReturning] = useState(false);
  const which = chosen.length ? [...chosen] : filter;
  const n = chosen.length || total;
  const go = (body: ReviewItems) => {
    setReturning(false);
    review.act.mutate(body, { onSuccess: clear });
  };
  const busy = review.act.isPending || n === 0;
  const whom = chosen.length ? items(n) : `all ${n} shown`;
  return (
    <>
      <div className="row project-acts">
        <button
          className="button"
          disabled={busy}
          onClick={() => go({ act: "accept", items: which })}
        >
          Accept {whom}
        </button>
        <button className="button" disabled={busy} onClick={() => setReturning(true)}>
          Send back {whom}
        </button>
        {chosen.length > 0 && (
          <button className="button plain" onClick={clear}>
            Choose none
          </button>
        )}
      </div>
      {returning && (
        <SendBack
          whom={whom}
          close={() => setReturning(false)}
          send={(note) => go({ act: "return", items: which, note })}
        />
      )}
    </>
  );
}

export function SendBack({
  whom,
  close,
  send,
}: {
  whom: string;
  close: () => void;
  send: (note: string) => void;
}) {
  const [note, setNote] = useState("");
  return (
    <Dialog open close={close} title={`Send back ${whom}`}>
      <form
        className="form"
        onSubmit={(e) => {
          e.preventDefault();
          send(note);
        }}
      >
        <p className="quiet">
          The answers so far count no longer, and as many are asked for again. They stay on record
          and are paid. Whoever gave them may be asked once more.
        </p>
        <label>
          To whoever answered (they get it as feedback)
          <textarea
            rows={3}
            maxLength={4000}
            value={note}
            onChange={(e) => setNote(e.target.value)}
          />
        </label>
        <FormEnd error={null} close={close} disabled={false}>
          Send back
        </FormEnd>
      </form>
    </Dialog>
  );
}
