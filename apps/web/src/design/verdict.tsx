/** What is said of a rater, the same wherever it is: the reliability, the verdict with what is worth a talk, and by which bounds. */
import { raterBounds as b, type Verdict } from "@tiller/schema";
import { Badge } from "./components.tsx";

const tones = { careless: "bad", watch: "warn", ok: "good", new: undefined } as const;
const names: Record<Verdict, string> = {
  careless: "careless",
  watch: "watch",
  ok: "ok",
  new: "too few answers",
};

/** null: of numbers of an import there is none. */
export const VerdictBadge = ({
  of,
  concerns = [],
}: {
  of: Verdict | null;
  concerns?: readonly string[];
}) => (
  <span className="row verdict">
    {of && <Badge tone={tones[of]}>{names[of]}</Badge>}
    {concerns.map((c) => (
      <Badge key={c} tone="warn">
        {c}
      </Badge>
    ))}
  </span>
);

const percent = (x: number) => `${Math.round(100 * x)} %`;
/** The bounds, in words, for whoever reads the figures. */
export const HowRatersAreJudged = () => (
  <details className="small">
    <summary>How raters are judged</summary>
    <ul className="bounds">
      <li>
        <b>Reliability</b> is one figure a person, the same on every page: how often their answers
        to closed questions (a choice, a side, a rating) name the true class, over all kinds of
        work, with its 95 % interval. The truth is what all answers together make most likely.
      </li>
      <li>
        <b>too few answers</b>: under {b.enough}. A side and the speed are named from {b.named} on.
      </li>
      <li>
        <b>careless</b>: even the upper end of the interval is under {percent(b.careless)} of the
        way from guessing to always right ({percent(0.5 + b.careless / 2)} of two classes); or
        surely more than {percent(b.mostlyFast)} of the answers come faster than can be read; or
        surely more than {percent(0.5 + b.mostlySide)} of the choices fall on one side.
      </li>
      <li>
        <b>watch</b>: the interval is under the middle of the group, or one of the next two.
      </li>
      <li>
        <b>too fast</b>: surely more than {percent(b.fast)} of the answers came in under{" "}
        {b.leastSeconds} s or faster than {b.readPerSecond} characters a second can be read.
      </li>
      <li>
        <b>takes the left, takes the right</b>: surely more than {percent(0.5 + b.side)} of the
        choices fall on that side, though each task draws its sides anew.
      </li>
    </ul>
  </details>
);
