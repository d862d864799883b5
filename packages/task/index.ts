/** A kind of work: what it shows and asks, and all that follows from that. The browser and the server use the same. */
export * from "./aggregation.ts";
export * from "./answer.ts";
export * from "./compose.ts";
export * from "./define.ts";
export { kindFile } from "./kind-file.ts";
export { fieldsOf, fieldKinds, kindNamed, kindOfField, readBy, shownBy } from "./kinds/index.ts";
export type { Span } from "./kinds/spans.ts";
export { limitOf } from "./kinds/text.ts";
export * from "./measure.ts";
export * from "./own-kind.ts";
export * from "./paths.ts";
export * from "./read.ts";
export * from "./shown.ts";
export * from "./simulate.ts";
export * from "./slots.ts";
