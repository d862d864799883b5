/** Cancels an experiment, after saying what that does. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import type { Experiment } from "@tiller/schema";
import { api } from "../api.ts";
import { Dialog, FormEnd } from "../design/components.tsx";

export function CancelButton({ experiment: e }: { experiment: Experiment }) {
  const client = useQueryClient();
  const [asked, ask] = useState(false);
  const act = useMutation({
    mutationFn: () => api.cancelExperiment({ id: e.id, body: { node: e.id } }),
    onSuccess: async () => {
      await client.invalidateQueries();
      ask(false);
    },
  });
  if (e.state !== "running" && e.state !== "held") return null;
  return (
    <>
      <button className="button" onClick={() => ask(true)}>
        Cancel
      </button>
      {asked && (
        <Dialog open close={() => ask(false)} title={`Cancel ${e.title}`}>
          <form
            className="stack"
            onSubmit={(ev) => {
              ev.preventDefault();
              act.mutate();
            }}
          >
            <ul>
              <li>The whole experiment ends and cannot go on; it can be run again.</li>
              <li>Open tasks leave the raters' desks. Answers that are in stay.</li>
            </ul>
            <FormEnd error={act.error} close={() => ask(false)} disabled={act.isPending}>
              Cancel it
            </FormEnd>
          </form>
        </Dialog>
      )}
    </>
  );
}
