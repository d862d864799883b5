/** Who gets what: the rules that hold when a task is given out, quotas among them, and who is set on which queues. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import type { Me, RosterRow, Who, WorkRule } from "@tiller/schema";
import { api, asking, keyOf } from "../api.ts";
import { type MoveStart, namesOf, type Names, queueName, whoName } from "../control/format.ts";
import { MoveDialog } from "../control/move.tsx";
import { Card, Empty, Missing, percent, Refused, together, when } from "../design/components.tsx";
import { NewRule } from "./rule-form.tsx";

export function WorkPage({ me }: { me: Me }) {
  const room = useQuery(asking("controlRoom"));
  const rules = useQuery(asking("listRules"));
  const [moving, setMoving] = useState<MoveStart>();
  const [adding, setAdding] = useState(false);
  const may = me.role !== "researcher";
  const names = room.data && namesOf(room.data);
  return (
    <main className="control">
      <h1>Who gets what</h1>
      {!room.data || !rules.data || !names ? (
        <Missing query={together(room, rules)} />
      ) : (
        <>
          <Card
            title="Rules"
            aside={
              may && (
                <button className="button primary" onClick={() => setAdding(true)}>
                  Add a rule
                </button>
              )
            }
          >
            {rules.data.length === 0 ? (
              <Empty title="No rules">
                Everybody may get every task, as often as they like. A rule holds back a queue, asks
                for a qualification, or sets a quota.
              </Empty>
            ) : (
              <ul className="alerts plain-rows">
                {rules.data.map((r) => (
                  <RuleRow key={r.id} rule={r} names={names} may={may} />
                ))}
              </ul>
            )}
          </Card>
          <Card
            title="Set on queues"
            aside={
              may && (
                <button className="button" onClick={() => setMoving({})}>
                  Move people
                </button>
              )
            }
          >
            <Placed roster={room.data.roster} names={names} move={may ? setMoving : undefined} />
          </Card>
          {moving && (
            <MoveDialog
              room={room.data}
              names={names}
              start={moving}
              close={() => setMoving(undefined)}
            />
          )}
          {adding && <NewRule room={room.data} names={names} close={() => setAdding(false)} />}
        </>
      )}
    </main>
  );
}

/** A rule in words. */
export function ruleWords({ body: b }: Pick<WorkRule, "body">, names: Names): string {
  switch (b.rule) {
    case "paused":
      return `gives out nothing for now${b.why && `: ${b.why}`}`;
    case "reserved":
      return "only for people who are set on it";
    case "requires":
      return `only for people with “${b.qualification}”, level ${b.level} or more`;
    case "suspend":
      return `pauses whoever is surely right on fewer than ${percent(b.below)} of ${b.least} or more known answers`;
    case "quota":
      return `${b.perDay} ${b.perDay === 1 ? "task" : "tasks"} a day at most, for ${b.who ? whoName(b.who, names) : "everyone, each by themselves"}`;
  }
}

function RuleRow({ rule, names, may }: { rule: WorkRule; names: Names; may: boolean }) {
  const client = useQueryClient();
  const end = useMutation({
    mutationFn: () => api.endRule({ id: rule.id }),
    onSettled: () =>
      Promise.all(
        [keyOf("listRules"), keyOf("controlRoom")].map((queryKey) =>
          client.invalidateQueries({ queryKey }),
        ),
      ),
  });
  const where = rule.kind
    ? queueName({ kind: rule.kind, experiment: rule.experiment }, names)
    : rule.experiment
      ? `All work of ${names.experiment(rule.experiment)}`
      : "All work";
  return (
    <li>
      <div>
        <b>{where}</b> {ruleWords(rule, names)}{" "}
        <span className="quiet small nowrap">since {when(rule.at)}</span>
        <Refused error={end.error} />
      </div>
      {may && (
        <button
          className="button"
          disabled={end.isPending}
          aria-label={`End the rule: ${where} ${ruleWords(rule, names)}`}
          onClick={() => end.mutate()}
        >
          End
        </button>
      )}
    </li>
  );
}

/** People and groups with their queues in order; whoever is not here works on all that is not reserved. */
function Placed(p: {
  roster: readonly RosterRow[];
  names: Names;
  move: ((start: MoveStart) => void) | undefined;
}) {
  const whose = (r: RosterRow): Who => (r.person ? { person: r.person } : { group: r.group! });
  const rows = [...Map.groupBy(p.roster, (r) => JSON.stringify(whose(r)))];
  if (rows.length === 0)
    return (
      <Empty title="Nobody is set on anything">
        Everyone works on all that is not reserved. Move somebody to a queue and they work on it
        alone.
      </Empty>
    );
  return (
    <div className="scroll">
      <table>
        <thead>
          <tr>
            <th>Who</th>
            <th>Works on, in this order, and on nothing else</th>
            <th>
              <span className="sr">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map(([key, own]) => {
            const who = whose(own[0]!);
            return (
              <tr key={key}>
                <td>{whoName(who, p.names)}</td>
                <td data-label="Works on">
                  {own
                    .toSorted((a, b) => a.place - b.place)
                    .map((r) => queueName(r, p.names))
                    .join(", then ")}
                </td>
                <td className="wide" aria-label="Actions">
                  {p.move && (
                    <div className="tools">
                      <button className="button" onClick={() => p.move!({ who })}>
                        Move
                      </button>
                    </div>
                  )}
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}
