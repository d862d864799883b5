/** Books: trees of summaries whose nodes are addressed by what went into them. No clock, no I/O; chance by seed. */
export {
  ClaimRow,
  coherence,
  faithfulness,
  type Figure,
  SentenceRow,
  squality,
  SqualityStory,
} from "./annotations.ts";
export { depthsOf, GoldQuestion, scoreDepth } from "./depths.ts";
export { WayDown } from "./down.ts";
export { forecast, type Forecast, type Rates } from "./forecast.ts";
export { heightDrift, HeightJudgment, heightMeasures } from "./heights.ts";
export { Entry, hashOf } from "./keys.ts";
export { ContextOrder, type Plan, planOf } from "./plan.ts";
export { bookReader } from "./reader.ts";
export type { CountTokens } from "./split.ts";
export { sentencesOf } from "./support.ts";
export { type Answer, type Ask, bestSoFar, grow, Log, type Output, redos } from "./tree.ts";
