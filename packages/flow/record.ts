/** What DBOS keeps of a workflow's calls, read without their values. */
import { z } from "zod";
import { patient, sql } from "@tiller/store";
import type { Host } from "./host.ts";
import type { Recorded } from "./turns.ts";

const Row = z.object({ turn: z.string(), name: z.string() });

/** The turns on record, with the names of their calls. */
export const recordedTurns = async (host: Host, workflow: string): Promise<Recorded[]> => {
  const rows = await patient(
    () =>
      host.store.db.many(
        sql`select substring(left(output, 60) from '"turn":([0-9]+)') as turn, function_name as name from dbos.operation_outputs
            where workflow_uuid = ${workflow} and left(output, 60) ~ '"turn":[0-9]'`,
        Row,
      ),
    host.stopping,
  );
  return rows.map(({ turn, name }) => ({ turn: Number(turn), name }));
};

/** A call on record that an execution which made `begun` calls did not come to. */
export const recordedBeyond = async (
  host: Host,
  workflow: string,
  begun: number,
): Promise<string | undefined> => {
  const row = await patient(
    () =>
      host.store.db.maybe(
        sql`select function_name as name from dbos.operation_outputs where workflow_uuid = ${workflow} and function_id >= ${begun}
              and left(output, 60) ~ '"turn":[0-9]' order by function_id limit 1`,
        z.object({ name: z.string() }),
      ),
    host.stopping,
  );
  return row?.name;
};

export const isCancelled = (host: Host, workflow: string): Promise<boolean> =>
  patient(
    () =>
      host.store.db.value(
        sql`select exists (select from dbos.workflow_status where workflow_uuid = ${workflow} and status = 'CANCELLED')`,
        z.boolean(),
      ),
    host.stopping,
  );
