/** The experiments that are recorded and replayed: every recipe once, small. */
interface RecordedExperiment {
  /** of the experiment, and the recording's file */
  readonly id: string;
  readonly workflow: string;
  readonly input: Record<string, unknown>;
}

const river =
  "In the year of the great snow the post came by boat. The river was the only road that did not freeze, because the mill upstream never stopped.";

export const recordedExperiments: readonly RecordedExperiment[] = [
  {
    id: "reading-study",
    workflow: "reading-study@1",
    input: {
      passages: 2,
      minPassage: 10,
      maxPassage: 24,
      questions: ["Who acts here?"],
      people: 2,
      critic: "base",
      criticTokens: 24,
    },
  },
  {
    id: "amplify",
    workflow: "amplify@1",
    input: {
      question: "Should the village on the river build a bridge or keep its old ferry?",
      depth: 2,
      width: 2,
      budget: { people: 20 },
    },
  },
  {
    id: "review-disagreements",
    workflow: "review-disagreements@1",
    input: {
      rounds: 2,
      claims: [
        "The post came by boat.",
        "The mill froze.",
        "The roads were frozen.",
        "It was the coldest year in memory.",
        "The mill kept the water moving.",
        "Nobody travelled that year.",
      ].map((claim) => ({ passage: river, claim })),
    },
  },
  {
    id: "iterated-feedback",
    workflow: "iterated-feedback@3",
    input: {
      rounds: 2,
      minGain: -1,
      train: 16,
      heldout: 8,
      people: 2,
      reward: { epochs: 1, batch: 8, saveEvery: 2, evalEvery: 2 },
      ppo: { iterations: 2, batch: 16, minibatch: 16, epochs: 1, saveEvery: 2, samplesEvery: 2 },
    },
  },
];
