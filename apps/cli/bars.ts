/** The experiment's stages in the terminal: bars on a TTY, one line a change elsewhere. */
import {
  type Experiment,
  readInterval,
  readNumber,
  type Stage,
  type Summary,
} from "@tiller/schema";

export function bar(done: number, total: number, width = 24): string {
  const fraction = total > 0 ? Math.min(1, done / total) : 0;
  const full = Math.round(fraction * width);
  return `${"█".repeat(full)}${"░".repeat(width - full)} ${String(Math.round(fraction * 100)).padStart(3)} %`;
}
const marks: Record<Stage["state"], string> = {
  waiting: "·",
  running: "▸",
  done: "✓",
  failed: "✗",
};
const line = (s: Stage): string => {
  const time = s.startedAt
    ? `${(((s.endedAt ? Date.parse(s.endedAt) : Date.now()) - Date.parse(s.startedAt)) / 1000).toFixed(0)} s`
    : "";
  const progress = s.state === "done" ? "" : s.total > 0 ? bar(s.done, s.total) : "";
  return `  ${marks[s.state]} ${s.title.padEnd(16)} ${time.padStart(6)}  ${[progress, s.note].filter(Boolean).join("  ")}`;
};

/** Redraws in place on a TTY; elsewhere prints a stage when its state changes. */
export class Progress {
  #drawn = 0;
  readonly #seen = new Map<string, string>();
  draw(e: Experiment, o: { tty: boolean; quiet: boolean }): void {
    if (o.quiet) return;
    if (o.tty) {
      const width = process.stdout.columns || 100;
      const lines = e.stages.map((s) => line(s).slice(0, width - 1));
      process.stdout.write(
        `${this.#drawn ? `\x1b[${this.#drawn}A` : ""}${lines.map((l) => `\x1b[2K${l}\n`).join("")}`,
      );
      this.#drawn = lines.length;
      return;
    }
    for (const s of e.stages) {
      if (this.#seen.get(s.name) === s.state || s.state === "waiting") continue;
      this.#seen.set(s.name, s.state);
      console.log(line(s));
    }
  }
}

/** One line a metric: its name, its value, its interval, what it is of. */
export const summaryTable = (summary: Summary): string =>
  summary
    .map((m) => {
      const interval = readInterval(m, m.unit);
      const about = [interval && `(${interval})`, m.note].filter(Boolean).join(" ");
      return `  ${m.label.padEnd(26)} ${readNumber(m.value, m.unit).padEnd(12)} ${about}`.trimEnd();
    })
    .join("\n");
