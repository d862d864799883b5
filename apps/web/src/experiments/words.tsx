/** What an experiment says of its state: a failure is an alarm; that somebody held or cancelled it is a note. */
import type { TracedExperiment } from "@tiller/schema";

export const stateTone = {
  running: "warn",
  held: "warn",
  done: "good",
  failed: "bad",
  cancelled: undefined,
} as const;

export const ExperimentWords = ({
  state,
  words,
}: {
  state: TracedExperiment["state"];
  words: string;
}) =>
  state === "held" ? (
    <p className="trace-wait small sentence" role="status">
      {words}
    </p>
  ) : state === "cancelled" ? (
    <p className="quiet small sentence">{words}</p>
  ) : (
    <p className="trace-error small" role="alert">
      {words}
    </p>
  );
