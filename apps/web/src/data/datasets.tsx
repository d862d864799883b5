/** All dataset versions, the newest first. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { asking } from "../api.ts";
import { Badge, Empty, Loaded, Scroll, when } from "../design/components.tsx";

export function DatasetsPage() {
  const datasets = useQuery(asking("listDatasets", {}));
  return (
    <main>
      <h1>Datasets</h1>
      <Loaded
        query={datasets}
        empty={
          <Empty title="No dataset yet">
            Experiments save them, imports of comparisons become one, and a file is uploaded where
            an experiment asks for a dataset.
          </Empty>
        }
      >
        {(list) => (
          <Scroll label="Datasets">
            <table>
              <thead>
                <tr>
                  <th>Name</th>
                  <th>Version</th>
                  <th>Rows</th>
                  <th>Judgments</th>
                  <th>Schema</th>
                  <th>Saved by</th>
                  <th>When</th>
                </tr>
              </thead>
              <tbody>
                {list.map((d) => (
                  <tr key={d.id}>
                    <td>
                      <Link to="/studio/datasets/$id" params={{ id: d.id }} search={{}}>
                        {d.name}
                      </Link>{" "}
                      {d.role === "evaluation" && <Badge>evaluation</Badge>}
                    </td>
                    <td>
                      <code>{d.id.slice(0, 8)}</code>
                    </td>
                    <td className="num">{d.rows}</td>
                    <td className="num">{d.judgments}</td>
                    <td>{d.schema}</td>
                    <td>
                      {d.experiment ? (
                        <Link to="/studio/experiments/$id" params={{ id: d.experiment }}>
                          {d.experiment}
                        </Link>
                      ) : (
                        <span className="quiet">a file</span>
                      )}
                    </td>
                    <td className="num">{when(d.createdAt)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </Scroll>
        )}
      </Loaded>
    </main>
  );
}
