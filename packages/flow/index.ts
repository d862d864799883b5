/** Durable workflows of people and models. */
export { taskPrompt } from "./agents.ts";
export * from "./define.ts";
export { type FaultPoint, faultPoints } from "./fault.ts";
export {
  newTrigger,
  pauseTrigger,
  resumeTrigger,
  startTriggers,
  type Triggers,
} from "./triggers.ts";
export { type FlowServer, launchFlow, type StartOptions } from "./server.ts";
export { forecastExperiment } from "./forecast.ts";
export * from "./holds.ts";
export * from "./nodes.ts";
export { oneProgress } from "./parts.ts";
export * from "./progress.ts";
export * from "./spend.ts";
export * from "./trace.ts";
export * from "./trace-file.ts";
export { nodePart, resultText, experimentResult, type Whole } from "./trace-values.ts";
export * from "./trigger-rows.ts";
export { type Verification, verifyRun } from "./verify.ts";
