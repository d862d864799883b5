/** The list of experiments. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { asking } from "../api.ts";
import { Badge, Empty, fixed, Loaded, Meter, percent, when } from "../design/components.tsx";

export const stateTone = {
  running: "warn",
  held: "warn",
  done: "good",
  failed: "bad",
  cancelled: undefined,
} as const;

export function Experiments() {
  const list = useQuery({
    ...asking("listExperiments"),
    refetchInterval: 3000,
  });
  return (
    <main>
      <div className="row spread">
        <h1>Experiments</h1>
        <span className="row">
          <Link className="button" to="/studio/import">
            Import
          </Link>
          <Link className="button" to="/studio/webhooks">
            Webhooks
          </Link>
        </span>
      </div>
      <Loaded
        query={list}
        empty={
          <Empty title="No experiments yet">
            Copy a file of <code>recipes/</code> and start it.
          </Empty>
        }
      >
        {(data) => (
          <div className="card scroll">
            <table>
              <thead>
                <tr>
                  <th>Experiment</th>
                  <th>State</th>
                  <th>Progress</th>
                  <th>Seed</th>
                  <th>Reward model</th>
                  <th>Win rate</th>
                  <th>KL</th>
                  <th>Started</th>
                </tr>
              </thead>
              <tbody>
                {data.map((e) => (
                  <tr key={e.id}>
                    <td>
                      <Link to="/studio/experiments/$id" params={{ id: e.id }}>
                        {e.title}
                      </Link>
                      <br />
                      <span className="quiet small">{e.recipe}</span>
                    </td>
                    <td>
                      <Badge tone={stateTone[e.state]}>{e.state}</Badge>
                    </td>
                    <td style={{ minWidth: 110 }}>
                      <Meter
                        label="Stages done"
                        done={e.stages.filter((s) => s.state === "done").length}
                        total={e.stages.length}
                      />
                    </td>
                    <td>{e.seed}</td>
                    <td>{percent(e.summary?.rewardAccuracy)}</td>
                    <td>{percent(e.summary?.winRate)}</td>
                    <td>{fixed(e.summary?.kl, 1)}</td>
                    <td className="quiet">{when(e.startedAt)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
      </Loaded>
    </main>
  );
}
