/** One forecast of label-forecasts.ts: the file of pairs as an argument, a message out. */
import os from "node:os";
import process from "node:process";
import { readComparisons } from "@tiller/data";
import { loadModel } from "@tiller/learn";
import { TillerError } from "@tiller/schema";
import { labelForecast } from "../../recipes/label-forecast.ts";
import { baseModel } from "../../recipes/shared.ts";
import type { Message } from "./label-forecasts.ts";
import type { z } from "zod";

os.setPriority(10); // people's requests go first
process.once("disconnect", () => process.exit(1));
const send = (m: z.infer<typeof Message>) => process.send!(m, () => process.exit(0));
/** Enough pairs that a quarter of them has a curve of its own. */
const CHECKED = 240;

try {
  const { pairs } = await readComparisons(process.argv[2]!);
  const base = await loadModel(baseModel);
  send({ forecast: await labelForecast(pairs, base, { check: pairs.length >= CHECKED }) });
} catch (e) {
  if (!(e instanceof TillerError)) throw e;
  send({ why: e.message });
}
