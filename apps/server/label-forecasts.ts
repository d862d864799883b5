/** What more labels of a project would buy, for its page: made anew when a tenth more was answered (worked-out.ts). */
import { LabelForecast, type Project, type ProjectForecast } from "@tiller/schema";
import { WorkedOut } from "./worked-out.ts";

/** Fewer answers give no curve whatever they say. */
const FEWEST = 60;
const MORE = 1.1;

export class LabelForecasts {
  readonly #pairsOf: (project: string) => Promise<Uint8Array>;
  readonly #made = new WorkedOut({
    child: new URL("./label-forecast-child.ts", import.meta.url),
    what: "a forecast of labels",
    made: LabelForecast,
  });

  /** `pairsOf`: a project's pairs with everybody's votes, as JSONL; refused of other work than comparisons */
  constructor(pairsOf: (project: string) => Promise<Uint8Array>) {
    this.#pairsOf = pairsOf;
  }

  of({ id, answers }: Pick<Project, "id" | "answers">): ProjectForecast {
    if (answers < FEWEST)
      return {
        state: "none",
        why: `There are ${answers} answers; a forecast needs ${FEWEST} or more.`,
      };
    const found = this.#made.of(id, {
      mark: answers,
      stale: (then) => answers >= MORE * then || answers < then,
      input: () => this.#pairsOf(id),
    });
    return found.state === "made"
      ? { state: "made", answers: found.mark, forecast: found.made }
      : found;
  }
}
