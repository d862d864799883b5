/**
 * Statistics of judging: how long 1,282 judges of 24 questions take, whether intervals hold the accuracy of simulated judges, and how
 * often looking after every question errs. npm run bench -- judging [--sets 200] [--sequences 2000] [--json]
 */
import { parseArgs } from "node:util";
import { accuracyEffects, anytimePaired, questionsNeeded } from "@tiller/crowd";
import { median } from "@tiller/crowd/statistics.ts";
import { logisticNormal, type Trial } from "@tiller/crowd/accuracy-effects.ts";
import { rng, wilson } from "@tiller/schema";

const { values: o } = parseArgs({
  args: process.argv.slice(2),
  options: {
    sets: { type: "string", default: "200" },
    sequences: { type: "string", default: "2000" },
    json: { type: "boolean", default: false },
  },
});
const [sets, sequences] = [Number(o.sets), Number(o.sequences)];
const SPREAD = { question: 0.7, transcript: 0.4, judge: 0.6 };
const MEAN = 1;

/** Every judge on every transcript. */
function simulated(seed: number, questions: number, transcripts: number, judges: number): Trial[] {
  const random = rng(seed, "judging");
  const of = Array.from({ length: judges }, () => SPREAD.judge * random.normal());
  return Array.from({ length: questions }, (_, q) => {
    const question = SPREAD.question * random.normal();
    return Array.from({ length: transcripts }, (_, t) => {
      const transcript = SPREAD.transcript * random.normal();
      return of.map((judge, j): Trial => {
        const logOdds = MEAN + question + transcript + judge;
        const right = random.next() < 1 / (1 + Math.exp(-logOdds));
        return { question: `${q}`, transcript: `${t}`, judge: `${j}`, right };
      });
    });
  }).flat(2);
}
const times = [1, 2, 3].map((seed) => {
  const trials = simulated(seed, 24, 1, 1282);
  const began = performance.now();
  accuracyEffects(trials);
  return (performance.now() - began) / 1000;
});
const seconds = median(times);

const truth = logisticNormal(MEAN, Math.hypot(...Object.values(SPREAD)));
let [inside, width] = [0, 0];
for (let seed = 1; seed <= sets; seed++) {
  const { accuracy } = accuracyEffects(simulated(seed, 12, 2, 10), { seed });
  inside += Number(accuracy.low < truth && truth < accuracy.high);
  width += (accuracy.high - accuracy.low) / sets;
}

const discordant = 0.25;
const shown = (difference: number, n: number) => {
  const after = Array.from({ length: sequences }, (_, s) => {
    const random = rng(s, "sequence", difference);
    const differences = Array.from({ length: n }, () => {
      const u = random.next();
      return u < (discordant + difference) / 2 ? 1 : u < discordant ? -1 : 0;
    });
    return anytimePaired(differences, { cells: 2 }).shownAfter;
  });
  const stopped = after.flatMap((t) => t ?? []);
  const { low, high } = wilson(stopped.length, sequences);
  return { difference, n, share: stopped.length / sequences, low, high, half: median(stopped) };
};
const looks = [shown(0, 1000), ...[0.05, 0.1].map((d) => shown(d, 2000))];
if (o.json)
  console.log(JSON.stringify({ seconds, times, sets, inside, width, truth, sequences, looks }));
else {
  console.log(`24 questions by 1,282 judges, 30,768 verdicts: ${seconds.toFixed(2)} s`);
  const { low, high } = wilson(inside, sets);
  console.log(
    `240 verdicts of 10 judges: the 95 % interval holds the accuracy in ${inside} of ${sets} (${low.toFixed(3)} to ${high.toFixed(3)}), mean width ${width.toFixed(3)}`,
  );
  for (const l of looks)
    console.log(
      `difference ${l.difference}, looked at after each of ${l.n}: shown in ${l.share.toFixed(3)} (${l.low.toFixed(3)} to ${l.high.toFixed(3)}) of ${sequences}, half of these by question ${l.half}${l.difference ? `; a fixed number needs ${questionsNeeded({ difference: l.difference, discordant })}` : ""}`,
    );
}
