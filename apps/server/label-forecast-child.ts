/** One forecast of what more labels of a project would buy, from its file of pairs (worked-out.ts). */
import { readComparisons } from "@tiller/data";
import { loadModel } from "@tiller/learn";
import { labelForecast } from "../../recipes/label-forecast.ts";
import { baseModel } from "../../recipes/shared.ts";
import { workOut } from "./worked-out.ts";

/** Enough pairs that a quarter of them has a curve of its own. */
const CHECKED = 240;

await workOut(async (file) => {
  const { pairs } = await readComparisons(file);
  return labelForecast(pairs, await loadModel(baseModel), { check: pairs.length >= CHECKED });
});
