/** An experiment's note and tags, and the dialog that changes them and its name. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import type { Experiment } from "@tiller/schema";
import { api, asking, keyOf } from "../api.ts";
import { Badge, Dialog, FormEnd } from "../design/components.tsx";

/** The tags that a text with commas names, each once. */
export const tagsOf = (text: string): string[] => [
  ...new Set(text.split(",").flatMap((t) => (t.trim() ? [t.trim()] : []))),
];

export function Labels({ experiment: e }: { experiment: Experiment }) {
  const [open, setOpen] = useState(false);
  const me = useQuery(asking("me")).data;
  const may = me !== undefined && me.role !== "rater";
  if (!may && !e.note && !e.tags.length) return null;
  return (
    <div className="experiment-labels small">
      {e.note && <p>{e.note}</p>}
      <div className="row" style={{ gap: 6 }}>
        {e.tags.map((t) => (
          <Badge key={t}>{t}</Badge>
        ))}
        {may && (
          <button className="button plain small" onClick={() => setOpen(true)}>
            {e.note || e.tags.length ? "Change name, note, tags" : "Add a note or tags"}
          </button>
        )}
      </div>
      {open && <LabelsDialog experiment={e} close={() => setOpen(false)} />}
    </div>
  );
}

function LabelsDialog({ experiment: e, close }: { experiment: Experiment; close: () => void }) {
  const client = useQueryClient();
  const [title, setTitle] = useState(e.title);
  const [note, setNote] = useState(e.note);
  const [tags, setTags] = useState(e.tags.join(", "));
  const save = useMutation({
    mutationFn: () =>
      api.labelExperiment({
        id: e.id,
        body: { title: title.trim(), note: note.trim(), tags: tagsOf(tags) },
      }),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: keyOf("getExperiment") });
      await client.invalidateQueries({ queryKey: keyOf("listExperiments") });
      close();
    },
  });
  return (
    <Dialog open close={close} title="Name, note, tags">
      <form
        className="stack start-experiment"
        onSubmit={(ev) => {
          ev.preventDefault();
          save.mutate();
        }}
      >
        <label className="stack" style={{ gap: 4 }}>
          <span className="small">Name</span>
          <input value={title} maxLength={200} onChange={(ev) => setTitle(ev.target.value)} />
        </label>
        <label className="stack" style={{ gap: 4 }}>
          <span className="small">Note</span>
          <textarea
            rows={3}
            value={note}
            maxLength={4000}
            onChange={(ev) => setNote(ev.target.value)}
          />
        </label>
        <label className="stack" style={{ gap: 4 }}>
          <span className="small">Tags, with commas between</span>
          <input value={tags} onChange={(ev) => setTags(ev.target.value)} />
        </label>
        <FormEnd error={save.error} close={close} disabled={save.isPending || !title.trim()}>
          Save
        </FormEnd>
      </form>
    </Dialog>
  );
}
