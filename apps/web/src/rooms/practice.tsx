/** Practice: a room with a known answer, opened by whoever has time, and how one did so far. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import type { PracticeRecord } from "@tiller/schema";
import { api, asking, keyOf } from "../api.ts";
import { fixed, percent, Refused } from "../design/components.tsx";

export const Record = ({ record: r }: { record: PracticeRecord }) =>
  r.rooms === 0 ? null : (
    <p className="small">
      Practice so far: {r.passed} of {r.rooms} passed ({percent(r.passed / r.rooms)}), and you were{" "}
      {percent(r.confidence)} sure on average. You earned {fixed(r.earned)} a room; even credences
      would have earned {fixed(r.even)}.
    </p>
  );

export function Practise() {
  const practice = useQuery(asking("practising"));
  const client = useQueryClient();
  const navigate = useNavigate();
  const start = useMutation({
    mutationFn: () => api.practise(),
    onSuccess: async ({ room }) => {
      await client.invalidateQueries({ queryKey: keyOf("ownRooms") });
      await opened(room);
      return navigate({ to: "/rooms/$id", params: { id: room } });
    },
  });
  const p = practice.data;
  if (!p || (p.offered === 0 && p.record.rooms === 0)) return null;
  return (
    <section className="card stack">
      <h2>Practise</h2>
      <p className="quiet">
        Judge a debate that was held before. Its answer is known, and you are told at once how you
        did; it is in no result.
      </p>
      <Record record={p.record} />
      {p.offered > 0 && (
        <div>
          <button className="button" disabled={start.isPending} onClick={() => start.mutate()}>
            Judge one
          </button>
        </div>
      )}
      <Refused error={start.error} />
    </section>
  );
}

/** The run opens the room a moment after it is started. */
async function opened(room: string): Promise<void> {
  for (let k = 0; k < 40; k++) {
    if ((await api.ownRooms()).some((r) => r.room === room)) return;
    await new Promise((go) => setTimeout(go, 250));
  }
}
