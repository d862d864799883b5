/** A sample token by token, coloured by what is chosen: how likely it was, how far from the base, its value, advantage or reward. */
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import type { SampleToken } from "@tiller/schema";
import { asking } from "../api.ts";
import { Loaded } from "../design/components.tsx";

interface Colouring {
  readonly label: string;
  readonly of: (t: SampleToken) => number | undefined;
  readonly says: string;
}
const colourings = {
  kl: {
    label: "KL",
    of: (t) => (t.refLogprob === undefined ? undefined : t.logprob - t.refLogprob),
    says: "log-prob less the base's, nats: red is likelier than under the base, blue less likely",
  },
  logprob: {
    label: "log-prob",
    of: (t) => t.logprob,
    says: "nats: the bluer, the less likely it was",
  },
  value: { label: "value", of: (t) => t.value, says: "what the critic expected before the token" },
  advantage: {
    label: "advantage",
    of: (t) => t.advantage,
    says: "red turned out better than expected, blue worse",
  },
  reward: {
    label: "reward",
    of: (t) => t.reward,
    says: "the score at the last token, less the penalty",
  },
} as const satisfies Readonly<Record<string, Colouring>>;
type Name = keyof typeof colourings;
const names = Object.keys(colourings) as Name[];

export function Tokens({ sample }: { sample: string }) {
  const q = useQuery(asking("getSample", { id: sample }));
  return (
    <Loaded query={q}>
      {({ tokens }) =>
        tokens ? (
          <Coloured tokens={tokens} />
        ) : (
          <p className="quiet small">Its job kept the text alone, without its tokens.</p>
        )
      }
    </Loaded>
  );
}

function Coloured({ tokens }: { tokens: readonly SampleToken[] }) {
  const known = names.filter((n) => tokens.some((t) => colourings[n].of(t) !== undefined));
  const [chosen, choose] = useState<Name>();
  const name = chosen ?? known[0]!;
  const { of, says } = colourings[name];
  const most = Math.max(1e-9, ...tokens.map((t) => Math.abs(of(t) ?? 0)));
  return (
    <div className="stack" style={{ gap: 6 }}>
      <div className="row small" role="group" aria-label="Coloured by">
        {known.map((n) => (
          <button
            key={n}
            type="button"
            className="button small"
            aria-pressed={n === name}
            onClick={() => choose(n)}
          >
            {colourings[n].label}
          </button>
        ))}
        <span className="quiet">
          {says}; the strongest is {most.toPrecision(3)}
        </span>
      </div>
      <p className="read tokens">
        {tokens.map((t, i) => {
          const value = of(t);
          const part = Math.round(60 * (Math.abs(value ?? 0) / most));
          const tone = (value ?? 0) < 0 ? "--series-3" : "--series-2";
          return (
            <span
              key={i}
              title={names
                .flatMap((n) => {
                  const x = colourings[n].of(t);
                  return x === undefined ? [] : [`${colourings[n].label} ${x.toPrecision(3)}`];
                })
                .join("\n")}
              style={{ background: `color-mix(in srgb, var(${tone}) ${part}%, transparent)` }}
            >
              {t.text}
            </span>
          );
        })}
      </p>
    </div>
  );
}
