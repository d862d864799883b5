/**
 * The formats that data goes out in, as tables of columns. The SQL speaks of a (answer), t (task), b (batch), p (the
 * rater) and k (the kind of work, with where its texts stand: see export.ts).
 */
import { z } from "zod";
import type { FormatName } from "@tiller/schema";
import { type Column, rowSchema } from "./columns.ts";

export interface Format {
  readonly title: string;
  readonly about: string;
  /** a row per answer: what of the answers it can say; others are left out and counted */
  readonly only: "all" | "chosen";
  readonly columns: readonly Column[];
}

const text = (name: string, about: string, sql: string, more: Partial<Column> = {}): Column => ({
  name,
  kind: "text",
  about,
  sql,
  ...more,
});
const repeats = { repeats: true } as const;

/** A project stands in an experiment's place. Tasks that only measure are of neither; files have always had this word there. */
export const experimentOf = "coalesce(b.experiment, b.project, 'measuring')";

/** of the answers that come in */
const seconds = z.number().min(0).max(1e9);
const id = z.string().min(1).max(1000);
/** Our own: nothing of an answer is lost, and it comes in again as it went out. */
const answers: Format = {
  title: "answers",
  about: "One row an answer, with everything that is known of how it came about.",
  only: "all",
  columns: [
    text("answer", "the answer's id", "a.id", { shape: id }),
    text("task", "the task's id; several people may answer one", "a.task", { shape: id }),
    text("type", "the kind of work", "t.type", repeats),
    text("typeVersion", "its version, which goes up with every change", "t.type_version", repeats),
    text(
      "instructionsVersion",
      "the first 16 hex digits of the SHA-256 of the instructions that were shown",
      "k.instructions_version",
      repeats,
    ),
    text("experiment", "what asked for it; measuring: hidden gold and the like", experimentOf, {
      repeats: true,
      shape: id,
    }),
    text("batch", "which of the experiment's questions", "t.batch", { repeats: true, shape: id }),
    text("rater", "the person's pseudonym", "p.pseudonym", { repeats: true, shape: id }),
    {
      name: "simulated",
      kind: "boolean",
      about: "a program answered, not a person",
      sql: "p.simulated",
    },
    {
      name: "swap",
      kind: "boolean",
      about: "the sides were shown the other way round: b on the left",
      sql: "a.swap",
    },
    {
      name: "activeSeconds",
      kind: "number",
      about: "time spent on it, without the idle time",
      sql: "a.active_seconds",
      shape: seconds,
    },
    {
      name: "idleSeconds",
      kind: "number",
      about: "time with no input for a while, or with the page hidden",
      sql: "a.idle_seconds",
      shape: seconds,
    },
    {
      name: "weight",
      kind: "number",
      about: "how much the answer counts; 1 unless somebody changed it",
      sql: "a.weight",
      shape: seconds,
    },
    { name: "at", kind: "time", about: "when it was submitted", sql: "a.at" },
    {
      name: "undoneAt",
      kind: "time",
      nullable: true,
      about: "when the rater took it back; null: it stands",
      sql: "a.undone_at",
    },
    { name: "input", kind: "json", about: "what was asked", sql: "t.input::text" },
    {
      name: "draft",
      kind: "json",
      nullable: true,
      about: "what a model had proposed; null: nothing",
      sql: "nullif(t.draft, 'null')::text",
    },
    { name: "value", kind: "json", about: "the answer itself", sql: "a.value::text" },
    {
      name: "shown",
      kind: "json",
      nullable: true,
      later: true,
      about:
        "by question, what stood where: sides left to right, places top to bottom; null: swap says it",
      sql: "case when k.ordered then (select l.shown::text from lease l where l.id = a.lease) end",
    },
  ],
};

// the texts of a comparison, by the paths that its view names
export const prompt = `coalesce((select string_agg(t.input #>> string_to_array(path, '.'), e'\\n\\n' order by n) from unnest(k.prompts) with ordinality x(path, n)), '')`;
const at = (path: string) => `(t.input #>> ${path})`;
const chosen = `case when a.value #>> k.field = 'a' then ${at("k.a")} else ${at("k.b")} end`;
const rejected = `case when a.value #>> k.field = 'a' then ${at("k.b")} else ${at("k.a")} end`;
const side = (x: string, y: string) =>
  `(case when a.value #>> k.field = 'a' then t.input->'${x}' else t.input->'${y}' end)->'messages'`;
const Message = z.strictObject({ role: z.string(), content: z.string() });
/** The messages that came with a text, else the text as one message. */
const message = (role: string, content: string, kept: string) =>
  `coalesce((select json_agg(json_build_object('role', m->>'role', 'content', m->>'content') order by n)
     from jsonb_array_elements(case when (k.name, k.version) = ('comparison', 'imported') then ${kept} end) with ordinality x(m, n)),
   json_build_array(json_build_object('role', '${role}', 'content', ${content})))::text`;
const messages = (name: string, about: string, sql: string): Column => ({
  name,
  kind: "json",
  about,
  sql,
  list: ["role", "content"],
  shape: z.array(Message).min(1),
});

const trl: Format = {
  title: "TRL preference, explicit prompt",
  about: "One row a judgment, as TRL's DPO and reward trainers read it.",
  only: "chosen",
  columns: [
    text("prompt", "what both texts answer or go on from", prompt, repeats),
    text("chosen", "the text that the rater chose", chosen),
    text("rejected", "the other one", rejected),
  ],
};
const trlImplicit: Format = {
  title: "TRL preference, implicit prompt",
  about: "The prompt is the common beginning of both texts.",
  only: "chosen",
  columns: [
    text("chosen", "prompt and chosen text", `${prompt} || (${chosen})`),
    text("rejected", "prompt and the other text", `${prompt} || (${rejected})`),
  ],
};
const trlConversational: Format = {
  title: "TRL preference, conversational",
  about: "Prompt and texts as messages.",
  only: "chosen",
  columns: [
    messages(
      "prompt",
      "the user's message, or the conversation so far",
      message("user", prompt, "t.input->'messages'"),
    ),
    messages(
      "chosen",
      "the assistant's message that was chosen",
      message("assistant", chosen, side("a", "b")),
    ),
    messages("rejected", "the other one", message("assistant", rejected, side("b", "a"))),
  ],
};

const Info = z.strictObject({
  id: z.string(),
  post: z.string(),
  title: z.string().nullable(),
  subreddit: z.string().nullable(),
});
const Summary = z.strictObject({
  text: z.string(),
  policy: z.string().nullable(),
  note: z.string().nullable(),
});
const source = "coalesce(t.input->'source', a.value->'source')"; // with the answer, where the answers to a task differ in it
const info = `json_build_object('id', coalesce(${source}->>'id', a.task), 'post', ${prompt}, 'title', ${source}->>'title', 'subreddit', ${source}->>'subreddit')::text`;
const beside = (path: string) => `t.input #> ${path}[:array_length(${path}, 1) - 1]`; // the object that holds the text
const summary = (path: string) =>
  `json_build_object('text', ${at(path)}, 'policy', coalesce(${beside(path)}->>'policy', ${beside(path)}->>'sample'), 'note', ${beside(path)}->>'note')`;
const confidence = `'confidence', case when jsonb_typeof(a.value #> k.confidence) = 'number' then a.value #> k.confidence end`;

/** Of one imported experiment alone, names are as they came in; {one} is filled in by export.ts. */
const own = (name: string, sign: string) =>
  `case when {one} and p.imported and starts_with(${name}, b.experiment || '${sign}') then substr(${name}, length(b.experiment) + 2) else ${name} end`;

/** openai/summarize-from-feedback, comparisons. */
const sff: Format = {
  title: "summarize-from-feedback, comparisons",
  about: "One row a judgment in the schema of Stiennon et al. 2020's release.",
  only: "chosen",
  columns: [
    {
      name: "info",
      kind: "json",
      about: "the text that was summarised",
      sql: info,
      shape: Info,
    },
    {
      name: "summaries",
      kind: "json",
      about: "the two texts, with the model that wrote each",
      sql: `json_build_array(${summary("k.a")}, ${summary("k.b")})::text`,
      list: ["text", "policy", "note"],
      shape: z.array(Summary).length(2),
    },
    {
      name: "choice",
      kind: "number",
      about: "0: the first of the summaries, 1: the second",
      sql: "(case when a.value #>> k.field = 'a' then 0 else 1 end)::float8",
    },
    text("worker", "the rater's pseudonym", own("p.pseudonym", ":"), repeats),
    text("batch", "which of the experiment's questions", own("t.batch", "/"), repeats),
    text("split", "part of the data", `coalesce(${source}->>'split', 'train')`, repeats),
    {
      name: "extra",
      kind: "json",
      about: "confidence, where it was asked",
      sql: `(jsonb_build_object(${confidence}) || case when jsonb_typeof(a.value->'extra') = 'object' then a.value->'extra' else '{}' end)::text`,
      shape: z.looseObject({ confidence: z.number().nullish() }),
    },
  ],
};

export const formats = {
  answers,
  trl,
  "trl-implicit": trlImplicit,
  "trl-conversational": trlConversational,
  sff,
} as const satisfies Record<FormatName, Format>;

/** A parsed row of our own format. */
export const AnswerRow = rowSchema(answers.columns);
