/**
 * Every statistic against an independent way to the number: written out from its formula (*-formulas.test.ts), or by scipy 1.17 (the calls
 * stand beside the numbers), or published (in the test file that `table` names). And what must not matter does not: the
 * order of rows, the names of tasks, people and (where they have no order) labels, the unit of numbers, a row twice.
 */
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
/** By file and export: "here" (in *-formulas.test.ts), the test file that holds it to numbers from elsewhere, or why it is no statistic. */
const table: Record<string, Record<string, string>> = {
  "accuracy-effects.ts": {
    accuracyEffects: "accuracy-effects.test.ts",
    logisticNormal: "accuracy-effects.test.ts",
  },
  "adaptive.ts": { wanting: "adaptive.test.ts", replay: "adaptive.test.ts" },
  "agreement.ts": {
    agreementWithin: "here",
    agreementBetween: "here",
    pairwiseAgreement: "here",
  },
  "active-choice.ts": { wantedPairs: "feature-reward.test.ts" },
  "alerts.ts": { alertsOf: "forecast.test.ts" },
  "ascend.ts": { ascend: "here, by bradleyTerry" },
  "bag-of-words.ts": { bagOfWords: "reward-table.test.ts" },
  "bradley-terry.ts": {
    bradleyTerry: "here",
    outcomes: "bradley-terry.test.ts",
    groupsOf: "here, by bradleyTerry",
  },
  "bradley-terry-intervals.ts": { scoreIntervals: "here" },
  "calibration.ts": { calibrate: "measures.test.ts", biasOf: "here" },
  "choose.ts": { heldOutLoss: "here", chooseMethod: "here" },
  "comparison-folds.ts": {
    comparisonFolds: "reward-table.test.ts",
    clusteredMean: "reward-table.test.ts",
  },
  "comparisons.ts": {
    ratedPairs: "reward-table.test.ts",
    sharesOf: "reward-table.test.ts",
    sideOf: "reward-table.test.ts",
    byPeople: "reward-table.test.ts, by rewardTable",
    strengthOf: "reward-table.test.ts, by trainingRows",
    raterOf: "not a statistic: a name",
    trainingLabels: "reward-table.test.ts",
    onePerson: "reward-table.test.ts",
  },
  "compare-models.ts": { comparePairModels: "here" },
  "em.ts": {
    votes: "here, by majority",
    agreement: "here, by majority",
    expect: "em.test.ts, by objective",
    fractions: "here, by dawidSkene",
    uniform: "not a statistic: a vector",
    argmax: "not a statistic: a place",
  },
  "feature-reward.ts": {
    rewardFeatures: "feature-reward.test.ts",
    featureReward: "feature-reward.test.ts",
    rewardsBy: "feature-reward.test.ts",
    rewardEnsemble: "feature-reward.test.ts",
    agreeing: "feature-reward.test.ts",
  },
  "forecast.ts": {
    forecast: "forecast.test.ts",
    availableTo: "forecast.test.ts",
    pace: "forecast.test.ts",
    completion: "forecast.test.ts",
  },
  "glad.ts": { glad: "em.test.ts" },
  "mace.ts": { mace: "em.test.ts", digamma: "here" },
  "drift.ts": { driftOf: "measures.test.ts", overTime: "measures.test.ts" },
  "grades.ts": { trainingRows: "reward-table.test.ts" },
  "held-out-raters.ts": { heldOutRaters: "held-out-raters.test.ts" },
  "label-forecast.ts": {
    forecastLabels: "label-forecast.test.ts",
    checkedForecast: "label-forecast.test.ts",
  },
  "labels.ts": {
    labelTable: "here",
    numberOf: "here, by labelTable",
    without: "not a statistic: leaves rows out",
  },
  "learning-curve.ts": {
    accuracy: "label-forecast.test.ts",
    splitUnits: "label-forecast.test.ts",
    learningCurve: "label-forecast.test.ts",
    learningCurves: "label-forecast.test.ts",
  },
  "linear-reward.ts": { linearReward: "reward-table.test.ts" },
  "logistic.ts": {
    chooseRidge: "reward-table.test.ts, by bagOfWords",
    logisticWeights: "reward-table.test.ts, by bagOfWords",
    logLikelihood: "feature-reward.test.ts, by featureReward",
  },
  "next-task.ts": {
    measuringDue: "next-task.test.ts",
    retestBefore: "next-task.test.ts",
    poolBound: "next-task.test.ts",
  },
  "credences.ts": {
    judgesReport: "credences.test.ts",
    bestScale: "credences.test.ts",
    rescale: "credences.test.ts",
    isRight: "credences.test.ts, by judgesReport",
  },
  "numbers.ts": {
    weightedMean: "here, by numberMethods",
    onceEach: "not a statistic: one answer a person a task",
    scoreNumbers: "here",
    heldOutDensity: "here",
  },
  "one-coin.ts": {
    oneCoin: "here, by methods",
    coin: "here, by majority",
    posteriorOf: "here",
    weightOf: "measures.test.ts",
    weightAfter: "here, by weightsOf",
  },
  "paired.ts": {
    questionsNeeded: "paired.test.ts",
    questionsNeededUnpaired: "paired.test.ts",
    mcnemar: "paired.test.ts",
    pairedPower: "paired.test.ts",
    comparePaired: "paired.test.ts",
    anytimePaired: "paired.test.ts",
  },
  "pairs.ts": { aggregatePairs: "here", lastOfEach: "not a statistic: one answer a person a pair" },
  "delegation.ts": {
    signalsOf: "delegation.test.ts",
    decide: "delegation.test.ts",
    clauseText: "not a statistic: words",
    topicSkill: "here",
    learnFrom: "delegation.test.ts",
    wantedAfter: "delegation.test.ts",
    scoringOf: "not a statistic: which rule holds",
  },
  "delegation-backtest.ts": { backtest: "delegation.test.ts" },
  "quality.ts": { flagRaters: "here", raterRows: "verdict.test.ts" },
  "rater-effects.ts": { raterEffects: "reward-table.test.ts" },
  "reliability.ts": {
    estimateOf: "measures.test.ts",
    reliabilities: "here",
    evidences: "here, by reliabilities",
    weightsOf: "here",
  },
  "report.ts": {
    study: "measures.test.ts",
    overview: "measures.test.ts, by study",
    raterReport: "measures.test.ts",
  },
  "reward-calibration.ts": { calibrationOf: "reward-table.test.ts" },
  "reward-table.ts": { rewardTable: "reward-table.test.ts" },
  "score.ts": { scoreAgainst: "here", noTruth: "not a statistic: an error" },
  "screening.ts": { correlation: "here", screening: "here" },
  "signals.ts": { tooFast: "measures.test.ts", copied: "measures.test.ts" },
  "simulate.ts": { simulateChoice: "not a statistic: a simulated person" },
  "standing.ts": { standingOf: "standing.test.ts" },
  "streaming.ts": { streaming: "here" },
  "truth.ts": {
    majority: "here",
    dawidSkene: "here",
  },
  "verdict.ts": {
    verdictOf: "verdict.test.ts",
    judge: "verdict.test.ts",
    concernsOf: "verdict.test.ts",
    signsInWords: "verdict.test.ts, by raterRows",
    leastSeconds: "verdict.test.ts, by raterRows",
    tooFastToRead: "verdict.test.ts, by raterRows",
    verdictWith: "verdict.test.ts, by raterRows",
    namesSide: "not a statistic: a word",
  },
  "../schema/numerics.ts": {
    largest: "statistics.test.ts",
    smallest: "statistics.test.ts",
    wilson: "here",
    logGamma: "here",
  },
  "statistics.ts": {
    clopperPearson: "here",
    exactFraction: "here",
    betaInterval: "here",
    incompleteBeta: "here",
    betaQuantile: "here",
    quantile: "here",
    normalCdf: "paired.test.ts",
    normalQuantile: "paired.test.ts",
    median: "here",
    bootstrap: "here",
    bootstrapMean: "statistics.test.ts",
  },
};
test("every exported function has a row above, and its test names it", async () => {
  const here = import.meta.dirname;
  const own = readdirSync(here)
    .filter((f) => f.endsWith("-formulas.test.ts"))
    .map((f) => readFileSync(path.join(here, f), "utf8"))
    .join();
  const files = readdirSync(here).filter((f) => /^[a-z-]+\.ts$/.test(f) && f !== "index.ts");
  for (const file of [...files, "../schema/numerics.ts"]) {
    const made = (await import(path.join(here, file))) as Record<string, unknown>;
    const names = Object.keys(made).filter((k) => typeof made[k] === "function");
    expect(Object.keys(table[file] ?? {}).toSorted(), file).toEqual(names.toSorted());
    for (const name of names) {
      const where = table[file]![name]!;
      if (where.startsWith("not a statistic")) continue;
      const [testFile = ""] = where.split(",");
      const at = testFile === "here" ? "the tests of formulas" : testFile;
      const text = testFile === "here" ? own : readFileSync(path.join(here, at), "utf8");
      const by = / by (\w+)/.exec(where)?.[1] ?? name;
      expect(new RegExp(`\\b${by}\\b`).test(text), `${at} tests ${name}`).toBe(true);
    }
  }
});
