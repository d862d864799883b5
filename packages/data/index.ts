/** Answers in and out of files. */
export { type Exported, exportAnswers, ExportRequest, fileKinds } from "./export.ts";
export { formatNames, formats } from "./formats.ts";
export { importAnswers, Imported, importNames } from "./import.ts";
export { SchemaFile } from "./schema-file.ts";
