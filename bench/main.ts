/** npm run bench -- NAME ...: one measured command a name; each says its flags at the top of its file. */
import process from "node:process";

const benches: Readonly<Record<string, { what: string; load: () => Promise<unknown> }>> = {
  answers: {
    what: "which answers survive in an extract of a story, at once and by trees (--matching --rule --minutes --seeds --plot --json)",
    load: () => import("./answers.ts"),
  },
  "answers-by-depth": {
    what: "which answers still stand in a tree's summaries at each depth (--windows --json)",
    load: () => import("./answers-by-depth.ts"),
  },
  data: {
    what: "a million answers as JSONL, CSV and Parquet (--rows --home --json)",
    load: () => import("./data.ts"),
  },
  "debate-digits": {
    what: "Irving et al. 2018 in miniature: judge alone, debate, consultancy (--seeds --pixels --pictures --steps --plot --json)",
    load: () => import("./debate-digits.ts"),
  },
  desk: {
    what: "the rater's desk in a browser: submit to next task visible (--tasks --json)",
    load: () => import("./desk.ts"),
  },
  engine: {
    what: "training and sampling beside PyTorch (--only --shape --rounds --json)",
    load: () => import("./engine/main.ts"),
  },
  estimate: {
    what: "what `tiller model estimate` says beside what a step then takes (--json)",
    load: () => import("./estimate.ts"),
  },
  "active-choice": {
    what: "pairs chosen by disagreement beside pairs by chance, on people's preferences (--seeds --sets --keep)",
    load: () => import("./active-choice.ts"),
  },
  forecast: {
    what: "forecasts of what more labels buy, checked on people's preferences (--seeds --sets --keep --json)",
    load: () => import("./forecast.ts"),
  },
  overoptimisation: {
    what: "gold against KL where people's rewards choose; --rl: where a policy learns (--seeds --tuned --keep)",
    load: () => import("./overoptimisation/main.ts"),
  },
  frontier: {
    what: "methods at one budget of labels: gold against KL on two tasks (--seeds --tasks --only --keep)",
    load: () => import("./frontier/main.ts"),
  },
  judging: {
    what: "judges' accuracy with effects, its intervals, and looking at paired questions all along (--sets --sequences --json)",
    load: () => import("./judging.ts"),
  },
  ledger: {
    what: "whether a tree helps a weak overseer: arms A to H on made-up ledgers, pre-registered (--cells --seeds --keep --plot --json)",
    load: () => import("./ledger.ts"),
  },
  "oversight-lengths": {
    what: "bits a round of ways of oversight against length and the honest side's budget, drawn (--results)",
    load: () => import("./oversight-lengths.ts"),
  },
  learn: {
    what: "the training jobs beside TRL and PyTorch, by stage (--only --rounds --steps --before --json)",
    load: () => import("./learn/main.ts"),
  },
  curves: {
    what: "reward model, DPO and GRPO learn as TRL's do, seed by seed (--only --seeds --curves --json)",
    load: () => import("./learn/curves.ts"),
  },
  trace: {
    what: "an experiment of 10,000 steps and 100 MB: pages, search, the exported file in Chromium (--nodes --megabytes --json)",
    load: () => import("./trace.ts"),
  },
  experiment: {
    what: "the first experiment from nothing, for several seeds (1 2 3 --keep)",
    load: () => import("./experiment.ts"),
  },
  models: {
    what: "the client for models beside the bare OpenAI client; batches of our own server (--calls --rounds --json)",
    load: () => import("./models.ts"),
  },
  flow: {
    what: "workflows beside bare DBOS, answers, thousands parked (--rounds --parked --only --json --out)",
    load: () => import("./flow/main.ts"),
  },
  people: {
    what: "a thousand raters at once, one server and two; pages over a million tasks (--raters --rate --json --keep)",
    load: () => import("./people/main.ts"),
  },
  runs: {
    what: "the pages about runs over 200 runs of 2,000 steps and 50 metrics (--runs --steps --metrics --json)",
    load: () => import("./runs.ts"),
  },
  "book-order": {
    what: "what the order of context costs a tree in hours and in quality (--seeds --latency --parallel --keep --plot --json)",
    load: () => import("./book-order.ts"),
  },
  "book-sampler": {
    what: "tiller book run beside its sampler alone on the same prompts, alternating (--base --file --context --rounds --json)",
    load: () => import("./book-sampler.ts"),
  },
  "book-server": {
    what: "a book through tiller start, by a checkpoint or an endpoint, killed on the way (--file --base --latency --context --kills --profile)",
    load: () => import("./book-server.ts"),
  },
  card: {
    what: "the card of a hundred thousand comparisons and the page of its rows (--rows --seed --json)",
    load: () => import("./card.ts"),
  },
  duplicates: {
    what: "near-duplicates among a hundred thousand texts, beside an exact search (--texts --seed --json)",
    load: () => import("./duplicates.ts"),
  },
  rewards: {
    what: "reward models on public sets of people's comparisons, beside what is cheap (--only --base --learn --write --json)",
    load: () => import("./rewards/main.ts"),
  },
  "rewards-tuned": {
    what: "the whole base trained beside a head and a linear reward, on the same pairs (--sets --pairs --seeds --lr --base)",
    load: () => import("./rewards/tuned.ts"),
  },
  "rewards-spans": {
    what: "whether corrections and marked spans teach what people prefer, on Fine-Grained RLHF (--seeds --some --base)",
    load: () => import("./rewards/spans.ts"),
  },
  quality: {
    what: "a hundred thousand answers aggregated and compared (--answers --json)",
    load: () => import("./quality.ts"),
  },
};
const [name = ""] = process.argv.splice(2, 1); // the bench reads the rest
const bench = benches[name];
if (bench) await bench.load();
else {
  const width = Math.max(...Object.keys(benches).map((n) => n.length));
  const lines = Object.entries(benches).map(([n, b]) => `  ${n.padEnd(width)} ${b.what}`);
  console.error(`Usage: npm run bench -- NAME\n\n${lines.join("\n")}`);
  process.exitCode = 2;
}
