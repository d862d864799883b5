/** Sets an experiment aside, or lets one that is held go on. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import type { TracedExperiment } from "@tiller/schema";
import { api } from "../api.ts";

export function HoldButton({
  experiment,
}: {
  experiment: Pick<TracedExperiment, "id" | "state"> & { imported: boolean };
}) {
  const client = useQueryClient();
  const held = experiment.state === "held";
  const act = useMutation({
    mutationFn: () =>
      held
        ? api.releaseExperiment({ id: experiment.id })
        : api.holdExperiment({ id: experiment.id, body: {} }),
    onSuccess: () => client.invalidateQueries(),
  });
  if (experiment.imported || (!held && experiment.state !== "running")) return null;
  return (
    <>
      <button
        className="button"
        disabled={act.isPending}
        title={
          held
            ? "It goes on where it was."
            : "It stops until it is released. People keep the work they have."
        }
        onClick={() => act.mutate()}
      >
        {held ? "Release" : "Hold"}
      </button>
      {act.error && (
        <span role="alert" className="small" style={{ color: "var(--bad)" }}>
          {act.error.message}
        </span>
      )}
    </>
  );
}
