/** Honest time: seconds with input in the last 30 s and the tab in view are active, the rest idle. */
import { useEffect, useMemo, useRef } from "react";

const IDLE_AFTER_MS = 30_000;
const TICK_MS = 250;

/** Starts again with each task. */
export function useActiveTime(task: string | undefined): {
  read(): { activeSeconds: number; idleSeconds: number };
} {
  const time = useRef({ active: 0, idle: 0, input: 0, last: 0 });
  useEffect(() => {
    const now = performance.now();
    time.current = { active: 0, idle: 0, input: now, last: now };
    const tick = () => {
      const t = time.current;
      const at = performance.now();
      const active = !document.hidden && at - t.input < IDLE_AFTER_MS;
      t[active ? "active" : "idle"] += at - t.last;
      t.last = at;
    };
    const seen = () => {
      tick();
      time.current.input = performance.now();
    };
    const timer = setInterval(tick, TICK_MS);
    const events = ["keydown", "pointermove", "pointerdown", "scroll", "touchstart"];
    for (const e of events) addEventListener(e, seen, { passive: true });
    document.addEventListener("visibilitychange", tick);
    return () => {
      clearInterval(timer);
      for (const e of events) removeEventListener(e, seen);
      document.removeEventListener("visibilitychange", tick);
    };
  }, [task]);
  return useMemo(
    () => ({
      read: () => {
        const t = time.current;
        const rest = performance.now() - t.last;
        return { activeSeconds: (t.active + rest) / 1000, idleSeconds: t.idle / 1000 };
      },
    }),
    [],
  );
}
