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
