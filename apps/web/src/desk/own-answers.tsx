/** One's own answers, the newest first: each opens as the task was seen. */
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import type { SeenAnswer } from "@tiller/schema";
import { asking } from "../api.ts";
import { duration, Loaded, when } from "../design/components.tsx";
import { answerInWords, AsSeen } from "../task/as-seen.tsx";

const PAGE = 20;

/** A page of them, and the older ones once they are asked for. */
export function OwnAnswers({ before }: { before?: string }) {
  const [older, showOlder] = useState(false);
  const page = useQuery(asking("ownAnswers", { ...(before ? { before } : {}), limit: PAGE }));
  return (
    <Loaded query={page} empty={<p className="quiet">{before ? "No more." : "None yet."}</p>}>
      {(answers) => (
        <>
          <ul className="threads own-answers">
            {answers.map((a) => (
              <Row key={a.answer} a={a} />
            ))}
          </ul>
          {older ? (
            <OwnAnswers before={answers.at(-1)!.at} />
          ) : (
            answers.length === PAGE && (
              <div>
                <button className="button" onClick={() => showOlder(true)}>
                  Older
                </button>
              </div>
            )
          )}
        </>
      )}
    </Loaded>
  );
}

function Row({ a }: { a: SeenAnswer }) {
  const [open, setOpen] = useState(false);
  return (
    <li>
      <details onToggle={(e) => setOpen(e.currentTarget.open)}>
        <summary>
          <b>{answerInWords(a.view, a.input, a.value)}</b>{" "}
          <span className="quiet small">
            {a.title} · {when(a.at)} · {duration(a.activeSeconds)}
          </span>
        </summary>
        {open && <AsSeen {...a} />}
      </details>
    </li>
  );
}
