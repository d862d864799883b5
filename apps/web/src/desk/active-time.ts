/**
 * Honest time: seconds with the tab in view and input of late are active, the rest idle. Of late is 30 s, or as long as a
 * slow reader needs for what the task gives to read, up to five minutes.
 */
import { useEffect, useMemo, useRef } from "react";

/** 120 words a minute, as characters. */
const READ_PER_SECOND = 12;
const [SHORTEST_PAUSE, LONGEST_PAUSE] = [30, 300];
/** Seconds without input that still count as active, for so many characters to read. */
export const pauseFor = (characters: number): number =>
  Math.round(Math.min(LONGEST_PAUSE, Math.max(SHORTEST_PAUSE, characters / READ_PER_SECOND)));
const TICK_MS = 250;

export interface Time {
  readonly activeSeconds: number;
  readonly idleSeconds: number;
}
export interface Clock {
  readonly read: () => Time;
  /** whether this moment counts as active */
  readonly active: () => boolean;
}

/** Goes on from the time that a task took before, in this window or another. */
export function useActiveTime(before: Time, pauseSeconds: number): Clock {
  const time = useRef({
    active: before.activeSeconds * 1000,
    idle: before.idleSeconds * 1000,
    input: 0,
    last: 0,
  });
  const clock = useMemo(() => {
    const active = () =>
      !document.hidden && performance.now() - time.current.input < pauseSeconds * 1000;
    const tick = () => {
      const t = time.current;
      const now = performance.now();
      t[active() ? "active" : "idle"] += now - t.last;
      t.last = now;
    };
    const read = (): Time => {
      tick();
      const t = time.current;
      return { activeSeconds: t.active / 1000, idleSeconds: t.idle / 1000 };
    };
    return { active, tick, read };
  }, [pauseSeconds]);
  useEffect(() => {
    time.current.input = time.current.last = performance.now();
    const seen = () => {
      clock.tick();
      time.current.input = performance.now();
    };
    const timer = setInterval(clock.tick, TICK_MS);
    const events = ["keydown", "pointermove", "pointerdown", "wheel", "scroll", "touchstart"];
    for (const e of events) addEventListener(e, seen, { passive: true });
    document.addEventListener("visibilitychange", clock.tick);
    return () => {
      clearInterval(timer);
      for (const e of events) removeEventListener(e, seen);
      document.removeEventListener("visibilitychange", clock.tick);
    };
  }, [clock]);
  return clock;
}
