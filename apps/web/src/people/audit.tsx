/** The audit log: every administrative act, who did it, what was before and after. */
import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { useDeferredValue, useMemo, useState } from "react";
import type { Me } from "@tiller/schema";
import { api, keyOf, linkTo } from "../api.ts";
import { Card, Empty, Loaded, when } from "../design/components.tsx";

const PAGE = 100;

export function AuditPage({ me }: { me: Me }) {
  const [actor, setActor] = useState("");
  const [action, setAction] = useState("");
  const [target, setTarget] = useState("");
  const [from, setFrom] = useState("");
  const filter = useMemo(() => {
    const typed = { actor, action, target, from: from && `${from}T00:00:00.000Z` };
    return Object.fromEntries(Object.entries(typed).filter(([, value]) => value));
  }, [actor, action, target, from]);
  const wanted = useDeferredValue(filter);
  const acts = useInfiniteQuery({
    queryKey: keyOf("listAudit", wanted),
    initialPageParam: undefined as number | undefined,
    queryFn: ({ pageParam: before }) => api.listAudit({ ...wanted, limit: PAGE, before }),
    getNextPageParam: (last) => (last.length < PAGE ? undefined : last.at(-1)!.seq),
    placeholderData: keepPreviousData,
  });
  const rows = acts.data?.pages.flat() ?? [];
  return (
    <main className="control">
      <h1>Audit log</h1>
      <div className="row spread">
        <div className="row form">
          <label>
            By
            <input
              placeholder="pseudonym"
              value={actor}
              onChange={(e) => setActor(e.target.value)}
            />
          </label>
          <label>
            What
            <input
              placeholder="pay, roster, invitation"
              value={action}
              onChange={(e) => setAction(e.target.value)}
            />
          </label>
          <label>
            On
            <input value={target} onChange={(e) => setTarget(e.target.value)} />
          </label>
          <label>
            Since
            <input type="date" value={from} onChange={(e) => setFrom(e.target.value)} />
          </label>
        </div>
        {me.role === "admin" && (
          <a className="button" href={linkTo("auditFile", filter)}>
            Export
          </a>
        )}
      </div>
      <Card>
        <Loaded query={acts}>
          {() =>
            rows.length === 0 ? (
              <Empty title="Nothing found">No act fits these filters.</Empty>
            ) : (
              <div className="scroll">
                <table>
                  <thead>
                    <tr>
                      <th>When</th>
                      <th>By</th>
                      <th>What</th>
                      <th>On</th>
                      <th>Before and after</th>
                    </tr>
                  </thead>
                  <tbody>
                    {rows.map((a) => (
                      <tr key={a.seq}>
                        <td className="quiet nowrap num">{when(a.at)}</td>
                        <td data-label="By">{a.actor ?? "the program"}</td>
                        <td data-label="What">{a.action}</td>
                        <td data-label="On" className="facts">
                          {a.target}
                        </td>
                        <td className="wide facts">
                          {a.before !== null && (
                            <>
                              <span className="quiet">{JSON.stringify(a.before)}</span> →{" "}
                            </>
                          )}
                          {a.after !== null && JSON.stringify(a.after)}
                        </td>
                      </tr>
                    ))}
                  </tbody>
                </table>
              </div>
            )
          }
        </Loaded>
        {acts.hasNextPage && (
          <button className="button" onClick={() => void acts.fetchNextPage()}>
            Older
          </button>
        )}
      </Card>
    </main>
  );
}
