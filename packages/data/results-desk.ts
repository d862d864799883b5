/** A project's results for whoever asks: worked out in results-worker.ts, and never older than what was changed here. */
import type pg from "pg";
import type {
  ItemFilter,
  ProjectExport,
  ProjectExportCounts,
  ProjectPerson,
  ResultsQuery,
} from "@tiller/schema";
import type { Reviewable } from "@tiller/work";
import { askThread } from "@tiller/work/asked-thread.ts";
import type { ResultsQuestion } from "./results-worker.ts";

interface ResultsDesk {
  /** as JSON */
  page(project: string, query: ResultsQuery): Promise<string>;
  /** as JSON */
  item(project: string, place: number): Promise<string>;
  people(project: string): Promise<ProjectPerson[]>;
  reviewable(project: string, items: readonly number[] | ItemFilter): Promise<Reviewable[]>;
  /** refuses an answer that does not fit the item */
  checkFix(project: string, place: number, value: unknown): Promise<void>;
  counts(project: string, file: ProjectExport): Promise<ProjectExportCounts>;
  file(project: string, file: ProjectExport): Promise<Uint8Array<ArrayBuffer>>;
  /** what is asked next sees it */
  changed(project: string): void;
}

export function resultsDesk(config: pg.ClientConfig): ResultsDesk {
  const thread = askThread<ResultsQuestion>(
    new URL("./results-worker.ts", import.meta.url),
    config,
    { code: "results_failed", what: "the results could not be worked out" },
  );
  const touched = new Set<string>();
  const ask = <T>(question: ResultsQuestion): Promise<T> => {
    const fresh = touched.delete(question.project) || question.fresh === true;
    return thread<T>({ ...question, fresh });
  };
  return {
    page: (project, query) => ask({ kind: "page", project, query }),
    item: (project, place) => ask({ kind: "item", project, place }),
    people: (project) => ask({ kind: "people", project }),
    reviewable: (project, items) => ask({ kind: "reviewable", project, items, fresh: true }),
    checkFix: (project, place, value) => ask({ kind: "fix", project, place, value, fresh: true }),
    counts: (project, file) => ask({ kind: "counts", project, file, fresh: true }),
    file: (project, file) => ask({ kind: "file", project, file, fresh: true }),
    changed: (project) => void touched.add(project),
  };
}
