/** Answers on their way: kept in the browser until the server has them, so that a lost connection loses no work. */
import { useEffect, useMemo, useRef, useState } from "react";
import { z } from "zod";
import { Submit } from "@tiller/schema";
import { ApiError, post } from "../api.ts";

const KEY = "tiller-outbox";
const Sent = z.object({ answer: z.string() });
const RETRY_MS = 2000;

export function useOutbox(onSent: () => void) {
  const [size, setSize] = useState(0);
  const sent = useRef(onSent);
  sent.current = onSent;
  const box = useMemo(() => {
    const saved = z.array(Submit).safeParse(JSON.parse(localStorage.getItem(KEY) ?? "[]"));
    const waiting: Submit[] = saved.success ? saved.data : [];
    const answers = new Map<string, Promise<string | undefined>>();
    const keep = () => {
      localStorage.setItem(KEY, JSON.stringify(waiting));
      setSize(waiting.length);
    };
    /** Tries until the server has it, or says that it never will. */
    const send = async (s: Submit): Promise<string | undefined> => {
      for (;;)
        try {
          const { answer } = await post("/api/desk/answers", s, Sent);
          return answer;
        } catch (e) {
          if (e instanceof ApiError && e.status >= 400 && e.status < 500 && e.status !== 401)
            return undefined;
          await new Promise((r) => setTimeout(r, RETRY_MS));
        }
    };
    const start = (s: Submit) =>
      answers.set(
        s.lease,
        send(s).then((answer) => {
          waiting.splice(
            waiting.findIndex((w) => w.lease === s.lease),
            1,
          );
          keep();
          sent.current();
          return answer;
        }),
      );
    return {
      resume: () => waiting.forEach(start),
      add: (s: Submit) => {
        waiting.push(s);
        keep();
        start(s);
      },
      waiting: () => waiting.map((w) => w.lease as string),
      answerOf: (lease: string) => answers.get(lease) ?? Promise.resolve(undefined),
    };
  }, []);
  useEffect(() => box.resume(), [box]);
  return useMemo(() => ({ ...box, size }), [box, size]);
}
