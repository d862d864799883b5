/** What staff wrote about a person, beside their row: notes that only staff read, feedback, disputes. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { asking } from "../api.ts";
import { Dialog, Loaded } from "../design/components.tsx";
import { NewThread, ThreadView } from "../quality/threads.tsx";

export function NotesDialog({
  who,
  close,
}: {
  who: { person: string; pseudonym: string };
  close: () => void;
}) {
  const threads = useQuery(asking("listThreads", { about: who.person }));
  return (
    <Dialog open close={close} title={`Notes on ${who.pseudonym}`}>
      <Loaded query={threads}>
        {(data) => (
          <>
            {data.length === 0 && <p className="quiet">Nothing has been written yet.</p>}
            {data.map((t) => (
              <ThreadView key={t.id} thread={t} as="staff" />
            ))}
          </>
        )}
      </Loaded>
      <NewThread about={{ about: who.person as never }} kinds={["note", "feedback"]} />
      <div className="actions">
        <Link className="button" to="/quality/raters/$id" params={{ id: who.person }}>
          Figures
        </Link>
        <button className="button" onClick={close}>
          Close
        </button>
      </div>
    </Dialog>
  );
}
