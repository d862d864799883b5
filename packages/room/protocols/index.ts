/** The ready-made protocols by name. */
import type { Rules } from "../rules.ts";
import { barnesChristiano } from "./barnes-christiano.ts";
import { critique } from "./critique.ts";
import { dcStatements } from "./dc-statements.ts";
import { jury, nyuPanel } from "./jury.ts";
import { kentonAssigned, kentonOpen } from "./kenton.ts";
import { khanInteractive, khanStatic } from "./khan.ts";
import { nyuConsultancy } from "./nyu-consultancy.ts";
import { nyuDebate } from "./nyu-debate.ts";
import { oracleLimited } from "./oracle-limited.ts";
import { proverEstimator } from "./prover-estimator.ts";
import { proverVerifier } from "./prover-verifier.ts";

export const protocols: ReadonlyMap<string, Rules> = new Map(
  [
    nyuDebate,
    nyuConsultancy,
    barnesChristiano,
    dcStatements,
    khanStatic,
    khanInteractive,
    kentonAssigned,
    kentonOpen,
    critique,
    proverVerifier,
    proverEstimator,
    oracleLimited,
    nyuPanel,
    jury,
  ].map((rules) => [rules.name, rules]),
);
