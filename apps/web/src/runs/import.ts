/** Sends an exported run to the server as it is, without reading it into memory. */
import { api, type Reply } from "../api.ts";

export const importFile = (file: File): Promise<Reply<"importTrace">> =>
  api.importTrace({ body: file });
