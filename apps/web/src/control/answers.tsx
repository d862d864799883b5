/** A person's quickest answers of late, to judge whether they were read. */
import { useQuery } from "@tanstack/react-query";
import { asking } from "../api.ts";
import { Dialog, Empty, Loaded, when } from "../design/components.tsx";

/** The words of a task's input, whatever its shape. */
function words(value: unknown): string {
  if (typeof value === "string") return value;
  if (Array.isArray(value)) return value.map(words).filter(Boolean).join(" / ");
  if (value && typeof value === "object")
    return Object.entries(value)
      .filter(([key]) => key !== "sample" && key !== "id")
      .map(([, v]) => words(v))
      .filter(Boolean)
      .join(" / ");
  return "";
}

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
                <span className="clamp quiet">{words(a.input)}</span>
                <code>{JSON.stringify(a.value)}</code>
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
