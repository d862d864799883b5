/** Joins the answers of projects beside the server, in a thread of its own: twenty thousand rows hold nobody up. */
import type { ItemFilter, ProjectExport, ResultsQuery } from "@tiller/schema";
import {
  checkFix,
  itemAt,
  itemsShown,
  keptResults,
  pageOf,
  projectItem,
  projectPeople,
  type Results,
  resultsOf,
  reviewable,
} from "@tiller/work";
import { answerThread, withThreadDb } from "@tiller/work/asked-thread.ts";
import { encodeTable } from "./project-encode.ts";
import { tableOf } from "./project-table.ts";

/** `fresh`: never what is kept from before. */
export type ResultsQuestion = { readonly project: string; readonly fresh?: boolean } & (
  | { readonly kind: "page"; readonly query: ResultsQuery }
  | { readonly kind: "item"; readonly place: number }
  | { readonly kind: "people" }
  | { readonly kind: "reviewable"; readonly items: readonly number[] | ItemFilter }
  | { readonly kind: "fix"; readonly place: number; readonly value: unknown }
  | { readonly kind: "counts" | "file"; readonly file: ProjectExport }
);

const read = async ({ project, fresh = false }: ResultsQuestion): Promise<Results> =>
  (fresh ? undefined : keptResults(project)) ?? withThreadDb((db) => resultsOf(db, project));

async function answer(asked: ResultsQuestion): Promise<unknown> {
  const { project } = asked;
  const results = await read(asked);
  switch (asked.kind) {
    case "page":
      return JSON.stringify(pageOf(results, asked.query));
    case "item":
      return JSON.stringify(projectItem(results, project, asked.place));
    case "people":
      return withThreadDb((db) => projectPeople(db, project, results));
    case "reviewable": {
      const found = Array.isArray(asked.items)
        ? asked.items.map((place: number) => itemAt(results, project, place))
        : itemsShown(results, asked.items as ItemFilter);
      return found.map(reviewable);
    }
    case "fix":
      return checkFix(itemAt(results, project, asked.place), asked.value);
    case "counts": {
      const { rows, leftOut } = tableOf(results, asked.file);
      return { rows, leftOut };
    }
    case "file":
      return encodeTable(tableOf(results, asked.file), asked.file.as);
    default: {
      const never: never = asked;
      return never;
    }
  }
}
answerThread(answer);
