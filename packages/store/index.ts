/** Postgres, blobs and what is in them. */
export * from "./attempts.ts";
export * from "./audit.ts";
export { writeBackup } from "./backup.ts";
export * from "./blobs.ts";
export { canonical } from "./canonical.ts";
export { defaultHome } from "./embedded.ts";
export { whileFull, writeWhole } from "./files.ts";
export * from "./executors.ts";
export { declareInputs, inputPath } from "./inputs.ts";
export { isLost, patient } from "./lost.ts";
export * from "./people.ts";
export { formerHomes, repathed } from "./moved-home.ts";
export * from "./places.ts";
export { restoreBackup } from "./restore.ts";
export { Db, type Sql, sql } from "./sql.ts";
export { openStore, type Store } from "./store.ts";
export * from "./values.ts";
