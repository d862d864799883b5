/** Durable workflows of people and models. */
export {
  type Answered,
  type Flow,
  type FlowServer,
  launchFlow,
  workflow,
  type WorkflowDef,
} from "./flow.ts";
