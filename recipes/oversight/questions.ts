/** Questions about texts, with answers to choose from: rows of {text, question, options, answer}, or stories of FairytaleQA. */
import { z } from "zod";
import { ofQuestionRow, QUESTION_ROW, rng, TillerError } from "@tiller/schema";

export interface TextQuestion {
  readonly id: string;
  /** questions about one text hang together */
  readonly title: string;
  readonly text: string;
  readonly question: string;
  /** the right one first */
  readonly answers: readonly string[];
}
const Story = z.looseObject({
  story: z.string(),
  sections: z.array(z.string()),
  questions: z.array(z.looseObject({ question: z.string(), answer1: z.string() })),
});

/** Rows of a file; of FairytaleQA the wrong answer is that of another question of the story, one that asks alike where there is one. */
export function questionsOf(rows: readonly unknown[], o: { seed: number }): TextQuestion[] {
  return rows.flatMap((given, i): TextQuestion[] => {
    const story = Story.safeParse(given);
    if (story.success) return ofStory(story.data, o.seed);
    const row = ofQuestionRow(given);
    if (typeof row === "string")
      throw new TillerError("bad_question", `row ${i + 1}: ${row}. ${QUESTION_ROW}`);
    return [{ id: `${i + 1}`, ...row }];
  });
}

function ofStory(s: z.infer<typeof Story>, seed: number): TextQuestion[] {
  const text = s.sections.join("\n");
  const same = (a: string, b: string) => {
    const [x, y] = [a.trim().toLowerCase(), b.trim().toLowerCase()];
    return x.includes(y) || y.includes(x);
  };
  const kind = (q: string) => q.trim().toLowerCase().split(/\s+/)[0];
  return s.questions.flatMap((q, i): TextQuestion[] => {
    const others = s.questions.filter(
      (x) => !same(x.answer1, q.answer1) && x.answer1.trim() !== "",
    );
    const alike = others.filter((x) => kind(x.question) === kind(q.question));
    const from = alike.length > 0 ? alike : others;
    if (from.length === 0 || q.answer1.trim() === "") return [];
    const wrong = rng(seed, "wrong answer", s.story, i).choose(from).answer1;
    const { question, answer1 } = q;
    return [
      { id: `${s.story} ${i + 1}`, title: s.story, text, question, answers: [answer1, wrong] },
    ];
  });
}

/** One question of each text, by lot: whoever read a text for one question knows it for the others. */
export const oneOfText = (all: readonly TextQuestion[], seed: number): TextQuestion[] =>
  [...Map.groupBy(all, (q) => q.text).values()].map((of) =>
    rng(seed, "question of a text", of[0]!.id).choose(of),
  );
