/** The tree as a researcher's own file of workflows, for a soak of the whole server: its effects go nowhere. */
import { makeTree } from "./tree.ts";

export const tree = makeTree(() => Promise.resolve());
