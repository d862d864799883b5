/** A person's quickest answers of late, to judge whether they were read. */
import { useQuery } from "@tanstack/react-query";
import { asking } from "../api.ts";
import { AsSeen } from "../task/as-seen.tsx";
import { Dialog, Empty, Loaded, when } from "../design/components.tsx";

export function AnswersDialog({
  who,
  close,
}: {
  who: { person: string; pseudonym: string };
  close: () => void;
}) {
  const answers = useQuery(asking("quickestAnswers", { person: who.person }));
  return (
    <Dialog open close={close} title={`The quickest answers of ${who.pseudonym}`}>
      <Loaded query={answers} empty={<Empty title="No answers yet" />}>
        {(data) => (
          <ul className="quick">
            {data.map((a) => (
              <li key={a.answer}>
                <span className="small">
                  <b className="num">{a.activeSeconds.toFixed(1)} s</b>{" "}
                  <span className="quiet">
                    {a.title}, {when(a.at)}
                  </span>
                </span>
                <AsSeen {...a} />
              </li>
            ))}
          </ul>
        )}
      </Loaded>
      <div className="actions">
        <button className="button" onClick={close}>
          Close
        </button>
      </div>
    </Dialog>
  );
}
