/** A new rule: for which work, and what holds there. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { z } from "zod";
import { type ControlRoom, ExperimentId, PersonId, type RuleBody, type Who } from "@tiller/schema";
import { api, keyOf } from "../api.ts";
import { type Names, queueName } from "../control/format.ts";
import { Dialog, FormEnd } from "../design/components.tsx";

type Kind = RuleBody["rule"];
const kinds: { readonly [K in Kind]: string } = {
  quota: "A quota: so many tasks a person and day",
  requires: "Only people with a qualification",
  reserved: "Only people who are set on it",
  paused: "Nothing is given out for now",
  suspend: "Pause whoever gets known answers wrong",
};
/** Choices of a select are strings: JSON of what they stand for. */
const Where = z.object({ kind: z.string().nullable(), experiment: ExperimentId.nullable() });
const WhoChoice = z.union([z.object({ person: PersonId }), z.object({ group: z.string() })]);
const ALL = JSON.stringify({ kind: null, experiment: null });

export function NewRule({
  room,
  names,
  close,
}: {
  room: ControlRoom;
  names: Names;
  close: () => void;
}) {
  const client = useQueryClient();
  const [rule, setRule] = useState<Kind>("quota");
  const [where, setWhere] = useState(ALL);
  const [who, setWho] = useState("");
  const [perDay, setPerDay] = useState("50");
  const [qualification, setQualification] = useState("");
  const [level, setLevel] = useState("1");
  const [why, setWhy] = useState("");
  const [below, setBelow] = useState("60");
  const [least, setLeast] = useState("10");
  const body: { [K in Kind]: () => RuleBody } = {
    quota: () => ({
      rule: "quota",
      perDay: Number(perDay),
      ...(who ? { who: WhoChoice.parse(JSON.parse(who)) as Who } : {}),
    }),
    requires: () => ({ rule: "requires", qualification, level: Number(level) }),
    reserved: () => ({ rule: "reserved" }),
    paused: () => ({ rule: "paused", why }),
    suspend: () => ({ rule: "suspend", below: Number(below) / 100, least: Number(least) }),
  };
  const save = useMutation({
    mutationFn: () =>
      api.addRule({ body: { ...Where.parse(JSON.parse(where)), body: body[rule]() } }),
    onSuccess: async () => {
      for (const queryKey of [keyOf("listRules"), keyOf("controlRoom")])
        await client.invalidateQueries({ queryKey });
      close();
    },
  });
  const titles = [...new Map(room.queues.map((q) => [q.kind, q])).values()];
  const number = (
    label: string,
    [value, set]: readonly [string, (v: string) => void],
    range: { min: number; max?: number },
  ) => (
    <label>
      {label}
      <input
        type="number"
        required
        {...range}
        value={value}
        onChange={(e) => set(e.target.value)}
      />
    </label>
  );
  return (
    <Dialog open close={close} title="Add a rule">
      <form
        className="form"
        onSubmit={(e) => {
          e.preventDefault();
          save.mutate();
        }}
      >
        <label>
          What holds
          <select value={rule} onChange={(e) => setRule(e.target.value as Kind)}>
            {Object.entries(kinds).map(([k, title]) => (
              <option key={k} value={k}>
                {title}
              </option>
            ))}
          </select>
        </label>
        <label>
          For
          <select value={where} onChange={(e) => setWhere(e.target.value)}>
            <option value={ALL}>All work</option>
            <optgroup label="A kind of work, in every experiment">
              {titles.map((q) => (
                <option key={q.kind} value={JSON.stringify({ kind: q.kind, experiment: null })}>
                  {q.title}
                </option>
              ))}
            </optgroup>
            <optgroup label="A queue">
              {room.queues.map((q) => (
                <option
                  key={`${q.kind} ${q.experiment}`}
                  value={JSON.stringify({ kind: q.kind, experiment: q.experiment })}
                >
                  {queueName(q, names)}
                </option>
              ))}
            </optgroup>
          </select>
        </label>
        {rule === "quota" && (
          <div className="pair-fields">
            {number("Tasks a day (UTC)", [perDay, setPerDay], { min: 0 })}
            <label>
              Whom it holds
              <select value={who} onChange={(e) => setWho(e.target.value)}>
                <option value="">Everyone, each by themselves</option>
                {room.groups.map((g) => (
                  <option key={g.group} value={JSON.stringify({ group: g.group })}>
                    group {g.group}
                  </option>
                ))}
                {room.people.map((p) => (
                  <option key={p.person} value={JSON.stringify({ person: p.person })}>
                    {p.pseudonym}
                  </option>
                ))}
              </select>
            </label>
          </div>
        )}
        {rule === "requires" && (
          <div className="pair-fields">
            <label>
              Qualification
              <input
                required
                value={qualification}
                onChange={(e) => setQualification(e.target.value)}
              />
            </label>
            {number("Level, at least", [level, setLevel], { min: 0 })}
          </div>
        )}
        {rule === "paused" && (
          <label>
            Why, as leads will read it
            <input value={why} maxLength={300} onChange={(e) => setWhy(e.target.value)} />
          </label>
        )}
        {rule === "suspend" && (
          <div className="pair-fields">
            {number("Surely below, per cent right", [below, setBelow], { min: 0, max: 100 })}
            {number("After so many known answers", [least, setLeast], { min: 1 })}
          </div>
        )}
        <FormEnd error={save.error} close={close} disabled={save.isPending}>
          Add
        </FormEnd>
      </form>
    </Dialog>
  );
}
