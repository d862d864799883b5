/** Answers in and out of files. */
export { exportAnswers } from "./export.ts";
export { importAnswers } from "./import.ts";
export { SchemaFile } from "./schema-file.ts";
