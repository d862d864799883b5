/**
 * What a run's model wrote as it learned: the same prompts at every step with the base's text beside them, whether it collapsed,
 * how the rewards of a batch were spread, its best and worst, and what training made of each token.
 */
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import {
  type Histogram,
  readNumber,
  type Run,
  type Sample,
  type SamplesOverTime,
} from "@tiller/schema";
import { asking } from "../api.ts";
import { Card, Empty, Loaded, percent } from "../design/components.tsx";
import { Tokens } from "./tokens.tsx";

/** Those that draw texts or judge them declare no curves, and reward models write nothing. */
const trains = (r: Run) => r.kind !== "reward" && Object.keys(r.metrics).length > 0;

export function Samples({ runs }: { runs: readonly Run[] }) {
  const [chosen, choose] = useState<string>();
  const [step, setStep] = useState<number>();
  const run = runs.find((r) => r.id === chosen) ?? runs.findLast(trains) ?? runs.at(-1)!;
  const samples = useQuery({
    ...asking("samplesOverTime", { id: run.id, step }),
    placeholderData: keepPreviousData,
  });
  const steps = samples.data?.steps ?? [];
  const at = steps.findIndex((s) => s.step === samples.data?.step);
  return (
    <Card
      title="Samples over time"
      aside={
        <span className="row small quiet">
          {runs.length > 1 && (
            <label className="row">
              run
              <select
                value={run.id}
                onChange={(e) => {
                  choose(e.target.value);
                  setStep(undefined);
                }}
              >
                {runs.map((r) => (
                  <option key={r.id} value={r.id}>
                    {r.id.split(/[./]/).at(-1)}
                  </option>
                ))}
              </select>
            </label>
          )}
          {steps.length > 1 && (
            <label className="row">
              step <b className="num">{steps[at]?.step}</b>
              <input
                type="range"
                min={0}
                max={steps.length - 1}
                value={at}
                onChange={(e) => setStep(steps[Number(e.target.value)]!.step)}
                aria-label="Training step"
              />
            </label>
          )}
        </span>
      }
    >
      <Loaded query={samples}>
        {(data) =>
          data.samples.length === 0 ? (
            <Empty title={run.state === "running" ? "No samples yet" : "This run kept no texts"}>
              What a model writes while it trains appears here.
            </Empty>
          ) : (
            <Shown of={data} run={run} />
          )
        }
      </Loaded>
    </Card>
  );
}

function Shown({ of, run }: { of: SamplesOverTime; run: Run }) {
  const histograms = useQuery(asking("listHistograms", { id: run.id }));
  const now = of.steps.find((s) => s.step === of.step);
  const extremes = of.extremes.toSorted(
    (a, b) => Number(a.pick === "worst") - Number(b.pick === "worst"),
  );
  return (
    <>
      {of.collapse && (
        <p className="sample-collapse" role="status">
          <b>The texts have collapsed.</b> At step {of.collapse.step} only {percent(of.collapse.to)}{" "}
          of their word pairs were different, against {percent(of.collapse.from)} at the start
          (distinct-2 has halved): the model repeats itself. Raise the KL coefficient, or take an
          earlier checkpoint.
        </p>
      )}
      <p className="quiet small">
        {of.fixed
          ? "The same prompts at every step."
          : "This run kept texts of each batch's own prompts, so they differ from step to step."}{" "}
        {now?.distinct2 !== null &&
          now !== undefined &&
          `${percent(now.distinct2)} of the word pairs at this step are different (distinct-2).`}{" "}
        {of.fixed && !of.base.length && "The base's texts were not kept by this run."}
      </p>
      <div>
        {of.samples.map((s) => (
          <One key={s.id} sample={s} base={of.base.find((b) => b.prompt === s.prompt)} />
        ))}
      </div>
      {histograms.data?.map((h) => (
        <Spread key={h.name} of={h} step={of.step ?? 0} />
      ))}
      {extremes.length > 0 && (
        <div>
          <h3>Best and worst of the batch</h3>
          {extremes.map((s) => (
            <One key={s.id} sample={s} base={undefined} />
          ))}
        </div>
      )}
      {run.output && (
        <p className="small">
          <Link to="/studio/checkpoints/$id" params={{ id: run.output }}>
            Where the model that wrote this came from
          </Link>
          , and <Link to="/playground">try it beside others</Link>.
        </p>
      )}
    </>
  );
}

function One({ sample: s, base }: { sample: Sample; base: Sample | undefined }) {
  const [open, setOpen] = useState(false);
  const own = base && base.id !== s.id ? base : undefined;
  return (
    <article className="sample-one">
      <p className="read quiet">{s.prompt}</p>
      <div className={own ? "pair" : ""}>
        {own && (
          <p className="read">
            <span className="quiet small sample-by">the base</span>
            {own.text}
          </p>
        )}
        <p className="read">
          <span className="quiet small sample-by">
            {s.pick === "best" || s.pick === "worst" ? `the ${s.pick}` : `step ${s.step}`}
          </span>
          {s.text}
        </p>
      </div>
      <p className="row small quiet num">
        {Object.entries(s.scores).map(([name, value]) => (
          <span key={name}>
            {name} {readNumber(value)}
          </span>
        ))}
        <button
          type="button"
          className="button plain small"
          aria-expanded={open}
          onClick={() => setOpen(!open)}
        >
          Tokens
        </button>
      </p>
      {open && <Tokens sample={s.id} />}
    </article>
  );
}

/** How a figure was spread over the batch of the step, with the first batch faint behind. */
function Spread({ of: h, step }: { of: Histogram; step: number }) {
  const now = h.steps.findLast((s) => s.step <= step) ?? h.steps[0]!;
  const [first] = h.steps;
  const most = Math.max(1, ...now.counts, ...first!.counts);
  const width = 100 / now.counts.length;
  return (
    <figure className="chart-card">
      <figcaption className="small">
        <b>{h.name} over the batch</b>{" "}
        <span className="quiet">
          step {now.step}, {now.counts.reduce((a, n) => a + n, 0)} texts
          {first!.step !== now.step && `, step ${first!.step} faint behind`}
        </span>
      </figcaption>
      <svg
        className="distribution"
        viewBox="0 0 100 30"
        preserveAspectRatio="none"
        role="img"
        aria-label={`${h.name} from ${readNumber(h.low)} to ${readNumber(h.high)}: ${now.counts.join(", ")}`}
      >
        {[first!, now].map((s, k) =>
          s.counts.map((n, i) => (
            <rect
              key={`${k} ${i}`}
              x={i * width + width * 0.08}
              width={width * 0.84}
              y={30 - (30 * n) / most}
              height={(30 * n) / most}
              className={k ? "now" : "first"}
            />
          )),
        )}
      </svg>
      <p className="row spread small quiet num">
        <span>{readNumber(h.low)}</span>
        <span>{readNumber(h.high)}</span>
      </p>
    </figure>
  );
}
