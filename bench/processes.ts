/** What other processes of this machine have used, as Linux tells it; 0 of one that has ended. */
import { readdirSync, readFileSync } from "node:fs";

const TICKS = 100; // of the kernel's clock a second
const read = (pid: number, file: string): string => {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return "";
  }
};
const statusOf = (pid: number, field: string): number =>
  Number(new RegExp(`^${field}:\\s+(\\d+)`, "m").exec(read(pid, "status"))?.[1] ?? 0);

export const megabytesOf = (pid: number): number => Math.round(statusOf(pid, "VmRSS") / 1024);
/** Seconds of processor time so far. */
export function cpuOf(pid: number): number {
  const fields = read(pid, "stat").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) / TICKS;
}
/** The process below another that runs a file of this name. */
export const childOf = (parent: number, file: string): number | undefined =>
  readdirSync("/proc")
    .map(Number)
    .find(
      (pid) => pid > 0 && statusOf(pid, "PPid") === parent && read(pid, "cmdline").includes(file),
    );
