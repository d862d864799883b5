/** Sends an exported run to the server as it is, without reading it into memory. */
import { z } from "zod";
import { parse } from "../api.ts";

const Imported = z.object({ experiment: z.string(), nodes: z.number() });

export const importFile = async (file: File): Promise<z.infer<typeof Imported>> =>
  parse(
    await fetch("/api/studio/traces", {
      method: "POST",
      headers: { "content-type": "application/octet-stream" },
      body: file,
    }),
    Imported,
  );
