/** A page about one of the workflows that this server can start: which, and what is then filled in for it. */
import type { ReactNode } from "react";
import { useQuery } from "@tanstack/react-query";
import type { KnownWorkflow } from "@tiller/schema";
import { asking } from "../api.ts";
import { Empty, Loaded } from "../design/components.tsx";

export function ChooseWorkflow(p: {
  title: string;
  back: ReactNode;
  label: string;
  /** of the workflow; another one than there is means the first */
  name: string | undefined;
  choose: (name: string) => void;
  children: (workflow: KnownWorkflow) => ReactNode;
}) {
  const known = useQuery(asking("listWorkflows"));
  const lead = useQuery(asking("me")).data?.role === "lead";
  // leads start labelling work; what trains is for researchers
  const may = known.data?.filter((w) => w.labelling || !lead);
  const chosen = may?.find((w) => w.name === p.name) ?? may?.[0];
  return (
    <main className="start-experiment">
      <div>
        {p.back}
        <h1>{p.title}</h1>
      </div>
      <Loaded query={known}>
        {() =>
          !chosen ? (
            <Empty title="This server knows no workflow">
              Add one to <code>recipes/</code> and start the server again.
            </Empty>
          ) : (
            <>
              <label className="stack" style={{ gap: 4 }}>
                <span className="small">{p.label}</span>
                <select value={chosen.name} onChange={(e) => p.choose(e.target.value)}>
                  {may!.map((w) => (
                    <option key={w.name} value={w.name}>
                      {w.title} ({w.name})
                    </option>
                  ))}
                </select>
              </label>
              {p.children(chosen)}
            </>
          )
        }
      </Loaded>
    </main>
  );
}
