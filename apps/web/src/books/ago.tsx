/** How long ago something was, and on a hover when. */
import { useEffect, useState } from "react";
import { when } from "../design/components.tsx";
import { ago } from "../trace/format.ts";

const MINUTE_MS = 60_000;
const clock = (): number => Date.now();

export function Ago({ at }: { at: string }) {
  const [now, setNow] = useState(clock);
  useEffect(() => {
    const timer = setInterval(() => setNow(clock()), MINUTE_MS);
    return () => clearInterval(timer);
  }, []);
  return (
    <time dateTime={at} title={when(at)} className="num">
      {now - Date.parse(at) < MINUTE_MS ? "just now" : ago(at, now)}
    </time>
  );
}
