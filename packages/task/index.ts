/** A kind of work: what it shows and asks, and all that follows from that. The browser and the server use the same. */
export * from "./answer.ts";
export * from "./compose.ts";
export * from "./define.ts";
export * from "./measure.ts";
export * from "./paths.ts";
export * from "./shown.ts";
export * from "./simulate.ts";
