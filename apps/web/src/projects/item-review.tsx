/** The lead's decision about one item: accept the label, put an answer of one's own in its place, or send it back. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import type { ProjectItem } from "@tiller/schema";
import { type Draft, initialValue } from "@tiller/task";
import { asking } from "../api.ts";
import { Card, when } from "../design/components.tsx";
import { TaskForm } from "../task/task-form.tsx";
import { ItemStateBadge, Reviewed, SendBack, useReview } from "./review.tsx";

const acts = { accept: "accepted", fix: "fixed", return: "sent back" } as const;

export function ItemReview({
  id,
  item,
  fixing,
  setFixing,
}: {
  id: string;
  item: ProjectItem;
  /** the lead's own answer is written: it stands in place of the others' */
  fixing: boolean;
  setFixing: (fixing: boolean) => void;
}) {
  const review = useReview(id);
  const [returning, setReturning] = useState(false);
  const next = useQuery(asking("listItems", { id, show: "review", limit: 2 }));
  const other = next.data?.items.find((i) => i.place !== item.place);
  const items = [item.place];
  const busy = review.act.isPending;
  if (item.state === "gold") return null;
  return (
    <Card title="Review" aside={<ItemStateBadge state={item.state} />}>
      {item.reviewed && (
        <p className="quiet">
          {item.reviewed.by} {acts[item.reviewed.act]} it, {when(item.reviewed.at)}
          {item.reviewed.note && <>: “{item.reviewed.note}”</>}
        </p>
      )}
      <div className="row">
        <button
          className="button primary"
          disabled={busy || item.answers === 0 || item.state === "accepted"}
          onClick={() => review.act.mutate({ act: "accept", items })}
        >
          Accept
        </button>
        <button className="button" aria-expanded={fixing} onClick={() => setFixing(!fixing)}>
          Fix
        </button>
        <button
          className="button"
          disabled={busy || item.answers === 0}
          onClick={() => setReturning(true)}
        >
          Send back
        </button>
        {other && (
          <Link
            className="button"
            to="/projects/$id/items/$place"
            params={{ id, place: String(other.place) }}
          >
            Next to review
          </Link>
        )}
      </div>
      <Reviewed review={review} />
      {fixing && (
        <Fix
          item={item}
          cancel={() => setFixing(false)}
          fix={(value, note) => {
            setFixing(false);
            review.act.mutate({ act: "fix", items, value, note });
          }}
        />
      )}
      {returning && (
        <SendBack
          whom={`item ${item.place}`}
          close={() => setReturning(false)}
          send={(note) => {
            setReturning(false);
            review.act.mutate({ act: "return", items, note });
          }}
        />
      )}
    </Card>
  );
}

/** Where the lead's own answer begins: at the labels there are. */
const begun = (item: ProjectItem): Draft =>
  initialValue(
    item.view,
    item.input,
    Object.fromEntries(
      item.labels.flatMap((l) =>
        typeof l.value === "string" || Number.isInteger(l.value) ? [[l.field, l.value]] : [],
      ),
    ),
  );
function Fix({
  item,
  fix,
  cancel,
}: {
  item: ProjectItem;
  fix: (value: Draft, note: string) => void;
  cancel: () => void;
}) {
  const [value, setValue] = useState(() => begun(item));
  const [note, setNote] = useState("");
  return (
    <div className="project-fix">
      <div className="form">
        <label>
          To whoever answered otherwise (they get it as feedback)
          <input maxLength={4000} value={note} onChange={(e) => setNote(e.target.value)} />
        </label>
      </div>
      <TaskForm
        view={item.view}
        input={item.input}
        swap={false}
        value={value}
        onChange={setValue}
        onSubmit={(whole) => fix(whole, note)}
      />
      <button className="button plain" onClick={cancel}>
        Cancel
      </button>
    </div>
  );
}
