/** Branded ids. Content hashes where the content is fixed, random where it is an event. */
import { z } from "zod";

const id = <B extends string>(brand: B, most = 200) => z.string().min(1).max(most).brand(brand);

export const PersonId = id("PersonId");
export type PersonId = z.infer<typeof PersonId>;
/** its ask's place in the trace, and the item's id: both have bounds of their own */
export const TaskId = id("TaskId", 1000);
export type TaskId = z.infer<typeof TaskId>;
export const LeaseId = id("LeaseId");
export type LeaseId = z.infer<typeof LeaseId>;
export const AnswerId = id("AnswerId");
export type AnswerId = z.infer<typeof AnswerId>;
export const ExperimentId = id("ExperimentId");
export type ExperimentId = z.infer<typeof ExperimentId>;
export const RunId = id("RunId");
export type RunId = z.infer<typeof RunId>;
export const DatasetId = id("DatasetId");
export type DatasetId = z.infer<typeof DatasetId>;
export const CheckpointId = id("CheckpointId");
export type CheckpointId = z.infer<typeof CheckpointId>;
