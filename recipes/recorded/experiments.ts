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
    id: "factored-evaluation",
    workflow: "factored-evaluation@1",
    input: {
      people: 4,
      trees: [true, false].map((truth) => ({
        title: "The post",
        text: river,
        truth,
        root: {
          claim: truth ? "The village could be reached." : "The village was cut off.",
          subclaims: [
            { claim: "The post came.", quotes: ["the post came by boat"] },
            {
              claim: truth ? "The river was open." : "The river froze.",
              quotes: ["The river was the only road"],
              rebuttals: truth ? [] : ["that did not freeze"],
            },
          ],
        },
      })),
    },
  },
  {
    id: "process-labels",
    workflow: "process-labels@1",
    input: {
      people: 3,
      solutions: [
        {
          problem: "How far does a boat go in two hours at 6 miles an hour?",
          steps: ["In one hour it goes 6 miles.", "Two hours are twice as much.", "So 12 miles."],
          firstError: null,
        },
        {
          problem: "How many legs have three dogs and two hens?",
          steps: [
            "A dog has four legs.",
            "Three dogs have 4 + 3 = 7.",
            "Two hens have 4.",
            "So 11.",
          ],
          firstError: 1,
        },
      ],
    },
  },
  {
    id: "planted-flaws",
    workflow: "planted-flaws@1",
    input: {
      people: 2,
      answers: [
        {
          question: "Why did the post come by boat?",
          sound: "Because the river was the only road that did not freeze.",
          flawed: "Because the roads were open and the river was frozen over.",
          flaw: "The river was not frozen.",
        },
        {
          question: "Why did the river not freeze?",
          sound: "Because the mill upstream never stopped, which kept the water moving.",
          flawed: "Because the boats, which came every day with the post, kept the water moving.",
          flaw: "It was the mill, not the boats.",
        },
      ],
    },
  },
  {
    id: "sandwiching",
    workflow: "sandwiching@1",
    input: {
      model: "base",
      tokens: 12,
      questions: [
        {
          text: river,
          question: "How did the post come?",
          options: ["By boat.", "By sledge.", "On foot."],
          answer: 0,
        },
        {
          text: river,
          question: "What kept the water moving?",
          options: ["The boats.", "The mill.", "The wind."],
          answer: 1,
        },
      ],
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
