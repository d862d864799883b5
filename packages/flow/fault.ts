/** Named fault points: a crash test sets TILLER_FAULT to one of the names and the process dies there, as by kill -9. */
export function fault(name: string): void {
  if (process.env["TILLER_FAULT"] === name) process.kill(process.pid, "SIGKILL");
}
