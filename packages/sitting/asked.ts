/** What the models in a room were asked and said, word for word, out of the trace of the run that attends it. */
import { z } from "zod";
import { type Asked, messagesOf } from "@tiller/room/asked.ts";
import { seatOfPrompt } from "@tiller/room/prompt.ts";
import { Prompt } from "@tiller/schema";
import { type Db, sql } from "@tiller/store";
import { roomId } from "./drive.ts";

const Said = z.object({
  agent: z.string(),
  prompt: Prompt,
  said: z.string().nullable(),
  error: z.unknown(),
});

/** In the order in which they were asked; of a room that no run attends, nothing. */
export async function askedIn(db: Db, room: string): Promise<Asked[]> {
  const opened = await db.many(
    sql`select n.id, n.experiment from node n join room r on r.experiment = n.experiment
        where r.id = ${room} and n.kind = 'step' and n.name = 'open'`,
    z.object({ id: z.string(), experiment: z.string() }),
  );
  const mine = opened.find((n) => roomId(n.id) === room);
  if (!mine) return [];
  const below = mine.id.slice(0, mine.id.lastIndexOf("open"));
  const rows = await db.many(
    sql`select agent, prompt, case when jsonb_typeof(output -> 'value') = 'string' then output ->> 'value' end as said, error
        from node where experiment = ${mine.experiment} and kind = 'model' and starts_with(id, ${below}) and prompt is not null
        order by seq`,
    Said,
  );
  return rows.map(({ agent, prompt, said, error }) => ({
    seat: seatOfPrompt(prompt) ?? "a judge's leaning", // best of n (best.ts)
    model: agent,
    messages: messagesOf(prompt),
    reply: said,
    ...(said === null && error ? { problem: problemOf(error) } : {}),
  }));
}
const problemOf = (error: unknown): string =>
  typeof error === "object" && error !== null && "message" in error
    ? String(error.message)
    : JSON.stringify(error);
