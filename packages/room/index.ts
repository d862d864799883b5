/** Rooms: protocols as data, and a log of moves that everything else is folded from. No clock, no chance, no I/O. */
export { check, type Checked } from "./check.ts";
export {
  type Claim,
  type ClaimTree,
  importClaimTree,
  parseClaimTree,
  stepsOf,
} from "./claim-tree.ts";
export { conditions, type Condition } from "./conditions.ts";
export { clampCredence } from "./credence.ts";
export { importDc } from "./dc.ts";
export { mermaid, svg } from "./graph.ts";
export { inspectLog } from "./inspect.ts";
export { Judgment } from "./judgments.ts";
export { legal, play, refusal, type Turn } from "./legal.ts";
export { Act, type Log, Move, type Open, RoomFile } from "./moves.ts";
export { importNyu, type Imported } from "./nyu.ts";
export { drawOpening, type Question, type Seeds } from "./orders.ts";
export { protocols } from "./protocols/index.ts";
export { align, readQuotes } from "./quotes.ts";
export { reader } from "./reader.ts";
export { parseRules, Rules } from "./rules.ts";
export { said, score, type Score } from "./score.ts";
export { trainingMoves, trainingPairs } from "./training.ts";
export { verdictsOf } from "./verdicts.ts";
export { view, type View } from "./view.ts";
