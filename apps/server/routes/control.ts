/** The control room's API: one snapshot that many may ask for, moves with a preview and undo, people, queues. */
import { streamSSE } from "hono/streaming";
import { alertsOf } from "@tiller/crowd";
import { type ControlRoom, PersonId, type RaterRow } from "@tiller/schema";
import {
  changeQueue,
  changeWorker,
  forecastQueues,
  listGroups,
  listRoster,
  listRules,
  moveOnRecord,
  noticesFor,
  openQueues,
  peopleNow,
  previewMove,
  quickestAnswers,
  recentMoves,
  sampleQueues,
  undoMove,
} from "@tiller/work";
import { onAnyRoom, roomsWaiting } from "@tiller/sitting";
import type { QualityDesk } from "@tiller/work/quality-thread.ts";
import type { Deps } from "../context.ts";
import { type Handlers, ok } from "../operate.ts";

/** Many pages ask at once: they share one answer for a moment. */
const SNAPSHOT_MS = 1000;
const FORECAST_MS = 5000;
const ALERTS_MS = 15_000;

/**
 * The newest value of `make`, at most `ms` old; calls meanwhile wait for the same one. `drop` forgets it. `stale`: an old
 * value serves while the next is made, so that nobody waits for it but the first; with `empty` not even the first.
 */
function shared<T>(
  ms: number,
  make: () => Promise<T>,
  o: { stale?: boolean; empty?: T } = {},
): { get: () => Promise<T>; drop: () => void } {
  let last: { at: number; value: Promise<T>; known?: T } | undefined;
  const serve = (entry: NonNullable<typeof last>) =>
    o.stale && entry.known !== undefined ? Promise.resolve(entry.known) : entry.value;
  return {
    get: () => {
      if (last && performance.now() - last.at < ms) return serve(last);
      const old = last;
      const mine: NonNullable<typeof last> = { at: performance.now(), value: make() };
      const known = old?.known ?? o.empty;
      if (known !== undefined) mine.known = known;
      last = mine;
      mine.value.then(
        (known) => (mine.known = known),
        () => {
          if (last === mine) last = old;
        },
      );
      return serve(mine);
    },
    drop: () => (last = undefined),
  };
}

export const controlRoutes = (d: Deps, figures: QualityDesk) => {
  const { db } = d.store;
  // nobody waits for them, the first neither
  const quality = shared<ReadonlyMap<string, RaterRow>>(SNAPSHOT_MS, () => figures.people(), {
    stale: true,
    empty: new Map(),
  });
  const forecast = shared(FORECAST_MS, () => forecastQueues(db), { stale: true });
  const room = shared(SNAPSHOT_MS, async (): Promise<ControlRoom> => {
    await sampleQueues(db);
    const now = Date.now();
    const [rows, queueRows, rules, roster, groups, moves, rated] = await Promise.all([
      peopleNow(db),
      forecast.get().then((lanes) => openQueues(db, { now, lanes })),
      listRules(db),
      listRoster(db),
      listGroups(db),
      recentMoves(db),
      quality.get(),
    ]);
    const people = rows.map((p) => {
      const row = rated.get(p.person);
      if (!row) return { ...p, quality: null };
      const { rater: _, pseudonym: __, simulated: ___, ...known } = row;
      return { ...p, quality: known };
    });
    const queues = queueRows.map((q) => {
      const pause = rules.find(
        (r) =>
          r.body.rule === "paused" &&
          (r.kind === null || r.kind === q.kind) &&
          (r.experiment === null || r.experiment === q.experiment),
      );
      const { held: _held, ...queue } = q;
      return {
        ...queue,
        now: rows.filter((p) => p.doing?.kind === q.kind && p.doing.experiment === q.experiment)
          .length,
        paused: pause?.body.rule === "paused" ? pause.body.why : q.held ? "by hand" : null,
      };
    });
    const alerts = alertsOf({ now, queues, people });
    return { at: new Date(now).toISOString(), people, queues, alerts, roster, groups, moves };
  });
  const alerts = shared(ALERTS_MS, async () => (await room.get()).alerts.length, { stale: true });
  const changed = <T>(value: T): T => {
    forecast.drop();
    room.drop();
    return value;
  };
  return {
    controlRoom: () => room.get(),
    notices: async (c) => ({
      ...(await noticesFor(db, c.var.me)),
      control: c.var.me.role === "rater" ? 0 : await alerts.get(),
      rooms: await roomsWaiting(db, c.var.me.id),
    }),
    noticeEvents: (c) =>
      streamSSE(c, async (stream) => {
        let fresh = true; // what was missed before it began
        const end = d.store.subscribe((e) => {
          if (e.type === "notice") fresh = true;
        });
        // rooms move all the time, and that one moved is nobody's business: a word comes when one's own count changes
        let moved = false;
        let waiting = await roomsWaiting(db, c.var.me.id);
        const endRooms = onAnyRoom(d.store, () => (moved = true));
        stream.onAbort(() => {
          end();
          endRooms();
        });
        while (!stream.aborted && !stream.closed) {
          if (moved) {
            moved = false;
            const now = await roomsWaiting(db, c.var.me.id).catch(() => waiting);
            fresh ||= now !== waiting;
            waiting = now;
          }
          if (fresh) await stream.writeSSE({ data: "notice" }).catch(() => {});
          fresh = false;
          await stream.sleep(500);
        }
        end();
        endRooms();
      }),
    quickestAnswers: (_, { person }) => quickestAnswers(db, person),
    previewMove: (c, { body }) => {
      c.set("recorded", true); // nothing is changed
      return previewMove(db, body);
    },
    move: async (c, { body }) => {
      const id = await moveOnRecord(db, c.var.me.id, body);
      c.set("recorded", true);
      return changed({ id });
    },
    undoMove: async (c, { id }) => {
      await undoMove(db, c.var.me.id, id);
      c.set("recorded", true);
      return changed(ok);
    },
    changeWorker: async (c, { id, body }) => {
      await changeWorker(db, c.var.me.id, PersonId.parse(id), body);
      c.set("recorded", true);
      return changed(ok);
    },
    changeQueue: async (c, { body }) => {
      await changeQueue(db, c.var.me.id, body);
      c.set("recorded", true);
      return changed(ok);
    },
  } satisfies Partial<Handlers>;
};
