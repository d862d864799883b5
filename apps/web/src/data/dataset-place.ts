/** What the address of a dataset's page holds: which view, and what of its rows. */
import { z } from "zod";
import { ExamplesQuery } from "@tiller/schema";

export const PAGE = 20;
const { sort, part } = ExamplesQuery.shape;
const text = z.string().optional().catch(undefined);
export const DatasetPlace = z.object({
  view: z.enum(["examples", "card", "changes"]).optional().catch(undefined),
  sort: sort.removeDefault().optional().catch(undefined),
  part: part.removeDefault().optional().catch(undefined),
  rater: text,
  source: text,
  split: text,
  shared: text,
  row: z.int().min(0).optional().catch(undefined),
  since: text,
  kind: z.enum(["added", "removed", "changed"]).optional().catch(undefined),
  page: z.int().min(1).optional().catch(undefined),
});
export type DatasetPlace = z.infer<typeof DatasetPlace>;
/** To another place of the same page; what is not named is kept, but for which page it was. */
export type Go = (change: Partial<DatasetPlace>) => void;
/** Rows of a view, from anywhere. */
export const examplesAt = (place: Omit<DatasetPlace, "view">): DatasetPlace =>
  DatasetPlace.parse({ ...place, view: "examples" });
