/** What a run says of its state: a failure is an alarm; that somebody held or cancelled it is a note. */
import type { TracedRun } from "@tiller/schema";

export const RunWords = ({ state, words }: { state: TracedRun["state"]; words: string }) =>
  state === "held" ? (
    <p className="trace-wait small" role="status">
      {words}
    </p>
  ) : state === "cancelled" ? (
    <p className="quiet small">{words}</p>
  ) : (
    <p className="trace-error small" role="alert">
      {words}
    </p>
  );
