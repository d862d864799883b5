/** One version of a tree as it grows: what stands, what is asked, and what budgets still take. No clock and no I/O. */
import { type Answer, type Ask, bestSoFar, grow, Log, type Output } from "@tiller/book";
import type { PlanNode } from "@tiller/book/plan.ts";
import { budgets } from "./budget.ts";
import { count, planAgain, policyOf, writtenByPeople } from "./plan.ts";
import type { Kept, Mark, TreeNow } from "./rows.ts";

/** An answer that is written down: its number in the tree comes along into the log. */
export type Written = Answer & { readonly n: number };

export class Round {
  readonly version: number;
  readonly plan;
  readonly settings;
  /** its name, which is part of every address */
  readonly policy: string;
  readonly #now: TreeNow;
  readonly #budget;
  readonly #stands = new Map<string, Output>();
  readonly #wants = new Set<string>();
  #marks: Mark[] = [];
  #left = false;

  constructor(now: TreeNow) {
    this.#now = now;
    this.version = now.version;
    this.settings = now.settings;
    this.policy = policyOf(now);
    this.plan = planAgain(now.text, now.settings, now.nodes);
    this.#budget = budgets(this.plan, now.settings, now.entries, (n) => this.byPeople(n));
  }
  byPeople(node: PlanNode): boolean {
    return writtenByPeople(this.settings, node);
  }
  /** It was edited: nothing more is begun. */
  leave(): void {
    this.#left = true;
  }
  wants(ask: Ask): boolean {
    return this.#wants.has(ask.key) && !this.#left;
  }
  /** Where nodes stand that nobody has written down so far. */
  marks(): Mark[] {
    return this.#marks.splice(0);
  }
  async grow(respond: (ask: Ask) => Promise<Written | undefined>): Promise<void> {
    await grow(this.plan, {
      log: new Log(this.#now.entries),
      count,
      policy: this.policy,
      redo: this.#now.redo,
      parallel: this.settings.parallel,
      patient: (node) => this.byPeople(node),
      stopped: (ask) => this.#left || this.#budget.refuses(ask) !== undefined,
      respond: async (ask) => {
        this.#wants.add(ask.key);
        this.#budget.began(ask);
        const given = await respond(ask);
        this.#budget.ended(ask, given);
        return given;
      },
      stands: ({ id: node }, output) => {
        const { n } = output.entry as Kept; // from the log, or an answer that was written
        const { key, used, standing } = output;
        this.#stands.set(node, output);
        this.#marks.push({ node, n, key, used, standing });
      },
    });
  }
  /** What there is of it; `lacks` and `best` name a hundred at most. */
  end(): {
    whole: boolean;
    why: string;
    written: number;
    lacks: string[];
    best: string[];
    text: string;
  } {
    const { plan } = this;
    const nodes = plan.levels.flat();
    const whole = this.#stands.has(plan.root.id);
    return {
      whole,
      why: whole ? "" : (this.#budget.why() ?? "nobody wrote some of its nodes"),
      written: this.#stands.size,
      lacks: nodes.flatMap((n) => (this.#stands.has(n.id) ? [] : [n.id])).slice(0, 100),
      best: bestSoFar(plan, this.#stands)
        .map((n) => n.id)
        .slice(0, 100),
      text: this.#stands.get(plan.root.id)?.entry.text ?? "",
    };
  }
}
