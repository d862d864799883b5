/** A judge's credences: a slider an answer that add up to 100, and what each would earn, before it is given. */
import { clampCredence, earned } from "@tiller/room/credence.ts";
import { letter } from "@tiller/room/words.ts";
import type { SeatPage } from "@tiller/schema";
import { fixed } from "../design/components.tsx";
import { hue } from "./content.ts";

export const even = (n: number): number[] => Array.from({ length: n }, () => 1 / n);

/** One answer gets `p`, the others share the rest as they did. */
function moved(credence: readonly number[], i: number, p: number): number[] {
  const rest = credence.reduce((sum, x, k) => (k === i ? sum : sum + x), 0);
  const others = credence.length - 1;
  return clampCredence(
    credence.map((x, k) => (k === i ? p : rest > 0 ? (x * (1 - p)) / rest : (1 - p) / others)),
  );
}

export function CredenceFields({
  page,
  credence,
  change,
}: {
  page: SeatPage;
  credence: readonly number[];
  change: (p: number[]) => void;
}) {
  const { view, scoring } = page;
  const coin = earned(scoring, even(credence.length), 0);
  return (
    <div className="credences">
      {credence.map((p, i) => (
        <div key={i} className={`credence-field ${hue(i)}`}>
          <label htmlFor={`credence-${i}`}>
            <b>{letter(i)}</b> {view.answers[i]}
          </label>
          <input
            id={`credence-${i}`}
            type="range"
            min={1}
            max={99}
            value={Math.round(100 * p)}
            onChange={(e) => change(moved(credence, i, Number(e.target.value) / 100))}
          />
          <output className="num" htmlFor={`credence-${i}`}>
            {Math.round(100 * p)} %
          </output>
          <span className="small quiet num payout">
            if it is right: <b>{fixed(earned(scoring, credence, i))}</b>
          </span>
        </div>
      ))}
      <p className="small quiet">
        Even credences earn {fixed(coin)} whatever is right.
        {scoring.turnCost > 0 && ` Each time you go on costs ${scoring.turnCost}.`}
      </p>
    </div>
  );
}
