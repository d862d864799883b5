/** A room played to its end in memory, every seat a function of what it sees; and a model as such a function. */
import {
  type Act,
  drawOpening,
  legal,
  type Log,
  play,
  type Question,
  refusal,
  type Rules,
  type Turn,
  view,
  type View,
} from "@tiller/room";
import { type CallOptions, type ModelClient, ModelError } from "@tiller/model";
import { own, type Prompt, TillerError } from "@tiller/schema";
import { again, promptFor } from "@tiller/room/prompt.ts";
import { readReply } from "@tiller/room/reply.ts";

/** `refused` says why a move may not be written, for a seat that can mend it. */
export type Player = (
  seen: View,
  turn: Turn,
  refused: (act: Act) => string | undefined,
) => Act | Promise<Act>;
export type Seats = Readonly<Record<string, Player>>;
export async function playRoom(
  rules: Rules,
  question: Question,
  seats: Seats,
  o: { readonly seed: number; readonly clock?: () => number },
): Promise<Log> {
  const { seed } = o;
  const orders = { list: seed, sides: seed, first: seed }; // three draws by names of their own
  let log: Log = [
    { id: "open", seat: "room", at: o.clock?.() ?? 0, act: drawOpening(rules, question, orders) },
  ];
  for (;;) {
    const turn = legal(rules, log)[0];
    if (!turn) return log;
    const seat = own(seats, turn.seat);
    if (!seat)
      throw new TillerError(
        "no_seat",
        `nobody sits in ${turn.seat}; there are ${Object.keys(seats).join(", ")}.`,
      );
    const before = log;
    const move = (act: Act) => ({
      id: `${before.length}`,
      seat: turn.seat,
      at: o.clock?.() ?? before.length,
      act,
    });
    const act = await seat(view(rules, log, turn.seat), turn, (a) =>
      refusal(rules, before, move(a)),
    );
    log = play(rules, log, move(act));
  }
}

/** What a model was asked and said, word for word. */
export interface Asked {
  readonly seat: string;
  readonly model: string;
  readonly prompt: Prompt;
  readonly reply: string;
  readonly problem?: string;
  readonly cost: number;
}
/** Sent back at most twice with what to mend; then a quote that is nowhere stays unverified, and what cannot be read is no move. */
export function modelSeat(
  client: ModelClient,
  model: string,
  asked: (a: Asked) => void,
  options: CallOptions<string> = {},
): Player {
  return async (seen, turn, refused) => {
    const noMove = (why: string, cause?: unknown) =>
      new TillerError("no_move", `${model} in seat ${seen.seat} made no move: ${why}`, { cause });
    let prompt = promptFor(seen, turn);
    for (let attempt = 0; ; attempt++) {
      const { text, cost } = await client
        .call(model, prompt, { maxTokens: 1000, ...options })
        .catch((cause: unknown) => {
          if (!(cause instanceof ModelError)) throw cause;
          throw noMove(cause.message, cause);
        });
      const read = readReply(seen, turn, text);
      const why = read.act && refused(read.act);
      const problem = why ?? read.problem;
      asked({ seat: seen.seat, model, prompt, reply: text, cost, ...(problem ? { problem } : {}) });
      if (read.act && why === undefined && (problem === undefined || attempt === 2))
        return read.act;
      if (attempt === 2) throw noMove(problem ?? "it is no move");
      prompt = again(prompt, text, problem ?? "it is no move.");
    }
  };
}
