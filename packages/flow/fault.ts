/**
 * Named fault points: TILLER_FAULT names one and the process dies there, as by kill -9. `faultPoints` is what the
 * tests drive; a name that is not among them is refused, so that none goes untested.
 */
export const faultPoints = [
  "op.begin", // a call's body is entered, nothing has happened
  "op.ran", // its effects have happened, nothing is recorded
  "op.recorded", // recorded, and the trace does not know yet
  "batch.posted", // people can see the tasks, the workflow does not wait yet
  "answers.taken", // the answers are fixed, the workflow has not got them
  "child.started", // the child runs, the parent does not wait yet
  "workflow.ended", // the result is there and not recorded
] as const;
export type FaultPoint = (typeof faultPoints)[number];

const chosen = process.env["TILLER_FAULT"];
const kill = process.kill.bind(process); // as it was before workflows were kept from it

function dieAt(name: string): void {
  if (chosen === name) kill(process.pid, "SIGKILL");
}
export const fault: (name: FaultPoint) => void = dieAt;
/** For jobs, which name points of their own. */
export const jobFault: (name: string) => void = dieAt;
