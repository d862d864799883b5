/** Books: trees of summaries whose nodes are addressed by what went into them. No clock, no I/O; chance by seed. */
export { forecast, type Forecast, type Rates } from "./forecast.ts";
export { Author, Entry } from "./keys.ts";
export { ContextOrder, editLeaf, type Plan, planOf, type PlanNode } from "./plan.ts";
export { type CountTokens, splitText } from "./split.ts";
export { type Answer, type Ask, bestSoFar, grow, Log, type Output, redos } from "./tree.ts";
export { whatIf } from "./what-if.ts";
