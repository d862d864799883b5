/** What everybody is told once a room is over: what was right, who had to argue for a wrong answer, what each seat earned. */
import { own } from "@tiller/schema";
import type { Log } from "./moves.ts";
import type { Rules, Seat } from "./rules.ts";
import { score } from "./score.ts";
import { view } from "./view.ts";

interface Debriefed {
  readonly seat: string;
  readonly role: Seat["role"];
  /** which answer it argued for; null: for none */
  readonly answer: number | null;
  /** null: no verdict, or nothing to earn */
  readonly earned: number | null;
}

/** As this seat may see it; undefined while the room goes on. */
export function debriefing(
  rules: Rules,
  log: Log,
  seat: string,
): { readonly truth: number; readonly seats: readonly Debriefed[] } | undefined {
  const { over, truth, sides } = view(rules, log, seat);
  if (!over || truth === undefined) return undefined;
  const earned = score(rules, log)?.seats ?? {};
  const seats = Object.entries(rules.seats).flatMap(([name, { role }]): Debriefed[] =>
    role === "chance"
      ? []
      : [
          {
            seat: name,
            role,
            answer: sides.find((s) => s.seat === name)?.answer ?? null,
            earned: own(earned, name) ?? null,
          },
        ],
  );
  return { truth, seats };
}
