/** Sets a run aside, or lets one that is held go on. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import type { TracedRun } from "@tiller/schema";
import { api } from "../api.ts";

export function HoldButton({
  run,
}: {
  run: Pick<TracedRun, "id" | "state"> & { imported: boolean };
}) {
  const client = useQueryClient();
  const held = run.state === "held";
  const act = useMutation({
    mutationFn: () =>
      held ? api.releaseRun({ id: run.id }) : api.holdRun({ id: run.id, body: {} }),
    onSuccess: () => client.invalidateQueries(),
  });
  if (run.imported || (!held && run.state !== "running")) return null;
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
