/** The random workflows of replay.test.ts, more of them and killed more often. */
process.env["KILLS"] ??= "8";
process.env["RUNS"] ??= "80";
await import("./replay-changes.slow.test.ts");
