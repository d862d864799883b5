/** Who sits where: a person, a model, a record that is played again, or nobody yet; and what is done when somebody does not come. */
import { RoomFile } from "@tiller/room/moves.ts";
import type { Rules } from "@tiller/room/rules.ts";
import { own, type Occupant, type RosterPerson, type SeatSpec } from "@tiller/schema";
import { Field } from "./new-parts.tsx";

const kinds = [
  ["person", "A person"],
  ["model", "A model"],
  ["replay", "A record, again"],
  ["nobody", "Nobody yet"],
] as const;
type Kind = (typeof kinds)[number][0];
const policies = [
  ["", "as the protocol says"],
  ["wait", "wait: a lead decides"],
  ["poke", "remind, with the time anew"],
  ["instead", "somebody else sits down"],
  ["forfeit", "the turn is lost"],
  ["annul", "the room is annulled"],
] as const;
type Policy = (typeof policies)[number][0];

export interface Given {
  readonly kind: Kind;
  readonly who: string;
  readonly record:
    | {
        readonly name: string;
        readonly acts: readonly unknown[];
        readonly problem: string | undefined;
      }
    | undefined;
  readonly policy: Policy;
  readonly times: string;
  readonly instead: string;
}
const anew: Given = {
  kind: "person",
  who: "",
  record: undefined,
  policy: "",
  times: "1",
  instead: "",
};
export const given = (all: Readonly<Record<string, Given>>, seat: string): Given =>
  own(all, seat) ?? anew;

export interface Known {
  readonly people: readonly RosterPerson[];
  readonly models: readonly string[];
  readonly all: boolean;
}
/** The person who is meant: by pseudonym or id, or by a name that only one has. */
function personOf(known: Known, said: string): RosterPerson | string {
  const text = said.trim();
  if (!text) return "Name somebody, or choose Nobody yet.";
  const exact = known.people.find((p) => p.pseudonym === text || p.id === text);
  if (exact) return exact;
  const called = known.people.filter((p) => p.name?.toLowerCase() === text.toLowerCase());
  if (called.length === 1) return called[0]!;
  return called.length > 1
    ? `${text} is the name of ${called.length} people: ${called.map((p) => p.pseudonym).join(", ")}. Name one by pseudonym.`
    : `There is nobody called ${text}. Choose somebody of the list.`;
}
function modelOf(known: Known, said: string): string | undefined {
  if (!said.trim()) return "Name a model.";
  return known.models.includes(said.trim())
    ? undefined
    : `There is no model ${said.trim()}. ${known.models.length > 0 ? "Choose one of the list." : "Enter one in models.json."}`;
}
/** `model:NAME`, or a person. */
const MODEL = "model:";

/** What is sent of each seat, how the summary calls it, and what is wrong with it. */
export function seated(rules: Rules, all: Readonly<Record<string, Given>>, known: Known) {
  const seats: [string, SeatSpec][] = [];
  const names = new Map<string, string>();
  const problems = new Map<string, string>();
  const sits = new Map<string, string>();
  const occupant = (text: string, at: string): { who: Occupant; name: string } | undefined => {
    const model = text.startsWith(MODEL) ? text.slice(MODEL.length).trim() : undefined;
    if (model !== undefined) {
      const problem = known.all ? modelOf(known, model) : undefined;
      if (problem === undefined) return { who: { kind: "model", model }, name: model };
      problems.set(at, problem);
      return undefined;
    }
    const person = personOf(known, text);
    if (typeof person !== "string")
      return { who: { kind: "person", person: person.id }, name: person.name ?? person.pseudonym };
    if (known.all || !text.trim()) problems.set(at, person);
    return undefined;
  };
  for (const [seat, { role }] of Object.entries(rules.seats)) {
    if (role === "chance") continue;
    const g = given(all, seat);
    const found = ((): { who: Occupant; name: string } | undefined => {
      if (g.kind === "nobody") return { who: { kind: "nobody" }, name: "nobody yet" };
      if (g.kind === "person") return occupant(g.who.replace(/^model:/, ""), seat);
      if (g.kind === "model") return occupant(MODEL + g.who, seat);
      if (g.record && g.record.problem === undefined)
        return {
          who: { kind: "replay", acts: [...g.record.acts] },
          name: `${seat} of ${g.record.name}`,
        };
      problems.set(
        seat,
        g.record?.problem ?? "Choose the file of a room: its moves of this seat are played again.",
      );
      return undefined;
    })();
    if (!found) continue;
    const { who, name } = found;
    if (who.kind === "person") {
      const other = sits.get(who.person);
      if (other !== undefined)
        problems.set(seat, `${name} sits in ${other} already. One person has one seat.`);
      sits.set(who.person, seat);
    }
    names.set(seat, name);
    const absent = absence(g, seat, occupant, problems);
    seats.push([seat, { who, ...(absent ? { absent } : {}) }]);
  }
  return { seats: Object.fromEntries(seats), names, problems: Object.fromEntries(problems) };
}
function absence(
  g: Given,
  seat: string,
  occupant: (text: string, at: string) => { who: Occupant } | undefined,
  problems: Map<string, string>,
): SeatSpec["absent"] {
  const at = `${seat} absent`;
  if (g.policy === "") return undefined;
  if (g.policy === "poke") {
    const times = Number(g.times);
    if (Number.isInteger(times) && times >= 1 && times <= 20) return { do: "poke", times };
    problems.set(at, "Remind 1 to 20 times.");
    return undefined;
  }
  if (g.policy !== "instead") return { do: g.policy };
  const by = g.instead
    .split(",")
    .flatMap((text) => (text.trim() ? [occupant(text.trim(), at)] : []))
    .flatMap((o) => (o ? [o.who] : []));
  if (by.length === 0 && !problems.has(at)) problems.set(at, "Name who sits down instead.");
  return by.length > 0 ? { do: "instead", by } : undefined;
}

export function Seats(p: {
  rules: Rules;
  value: Readonly<Record<string, Given>>;
  change: (all: Readonly<Record<string, Given>>) => void;
  known: Known;
  problems: Readonly<Record<string, string>>;
}) {
  return (
    <>
      <datalist id="room-people">
        {p.known.people.map((x) => (
          <option key={x.id} value={x.pseudonym}>
            {x.name ?? ""}
          </option>
        ))}
      </datalist>
      <datalist id="room-models">
        {p.known.models.map((m) => (
          <option key={m}>{m}</option>
        ))}
      </datalist>
      <div className="room-seats">
        {Object.entries(p.rules.seats).map(([seat, spec]) => (
          <One
            key={seat}
            seat={seat}
            spec={spec}
            value={given(p.value, seat)}
            set={(g) => p.change({ ...p.value, [seat]: g })}
            problem={own(p.problems, seat)}
            absentProblem={own(p.problems, `${seat} absent`)}
          />
        ))}
      </div>
    </>
  );
}

const knowing = (spec: Rules["seats"][string]): string =>
  spec.knows.length === 0 ? "sees what is quoted" : `knows the ${spec.knows.join(" and the ")}`;

function One(p: {
  seat: string;
  spec: Rules["seats"][string];
  value: Given;
  set: (g: Given) => void;
  problem: string | undefined;
  absentProblem: string | undefined;
}) {
  const { seat, spec, value: g, set } = p;
  const about = `${spec.role === seat ? "" : `${spec.role}, `}${knowing(spec)}`;
  if (spec.role === "chance")
    return (
      <div className="room-seat">
        <p>
          <b>{seat}</b> <span className="quiet small">drawn by the room itself</span>
        </p>
      </div>
    );
  const load = async (file: File) => {
    const read = recordOf(await file.text(), seat);
    set({ ...g, record: { name: file.name, ...read } });
  };
  return (
    <fieldset className="room-seat">
      <legend>
        <b>{seat}</b> <span className="quiet small">{about}</span>
      </legend>
      <Field label={`Who is ${seat}`} problem={undefined}>
        {(f) => (
          <select
            {...f}
            value={g.kind}
            onChange={(e) => set({ ...g, kind: e.target.value as Kind })}
          >
            {kinds.map(([k, says]) => (
              <option key={k} value={k}>
                {says}
              </option>
            ))}
          </select>
        )}
      </Field>
      {g.kind === "nobody" ? (
        <p className="quiet small room-note">The room waits until you seat somebody.</p>
      ) : g.kind === "replay" ? (
        <Field
          label="File of a room"
          problem={p.problem ?? g.record?.problem}
          {...(g.record ? { note: `${g.record.acts.length} moves of ${seat}` } : {})}
        >
          {(f) => (
            <input
              {...f}
              type="file"
              accept=".json"
              onChange={(e) => {
                const [chosen] = e.target.files ?? [];
                if (chosen) void load(chosen);
              }}
            />
          )}
        </Field>
      ) : (
        <Field label={g.kind === "person" ? "Name or pseudonym" : "Model"} problem={p.problem}>
          {(f) => (
            <input
              {...f}
              list={g.kind === "person" ? "room-people" : "room-models"}
              autoComplete="off"
              value={g.who}
              onChange={(e) => set({ ...g, who: e.target.value })}
            />
          )}
        </Field>
      )}
      <Field label="If nothing comes in time" problem={undefined}>
        {(f) => (
          <select
            {...f}
            value={g.policy}
            onChange={(e) => set({ ...g, policy: e.target.value as Policy })}
          >
            {policies.map(([k, says]) => (
              <option key={k} value={k}>
                {k === "" ? `${says} (${spec.absence})` : says}
              </option>
            ))}
          </select>
        )}
      </Field>
      {g.policy === "poke" && (
        <Field label="How often" problem={p.absentProblem}>
          {(f) => (
            <input
              {...f}
              inputMode="numeric"
              value={g.times}
              onChange={(e) => set({ ...g, times: e.target.value })}
            />
          )}
        </Field>
      )}
      {g.policy === "instead" && (
        <Field
          label="Who instead"
          problem={p.absentProblem}
          note="one after another: pseudonym, model:NAME"
        >
          {(f) => (
            <input
              {...f}
              list="room-people"
              autoComplete="off"
              value={g.instead}
              onChange={(e) => set({ ...g, instead: e.target.value })}
            />
          )}
        </Field>
      )}
    </fieldset>
  );
}

/** The moves of a seat in a room's file, without those that were taken back. */
function recordOf(
  text: string,
  seat: string,
): { acts: readonly unknown[]; problem: string | undefined } {
  const none = (problem: string) => ({ acts: [], problem });
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (e) {
    return none(`This is no JSON: ${(e as Error).message}. Give a file of tiller room file.`);
  }
  const file = RoomFile.safeParse(json);
  if (!file.success)
    return none(
      `This is no file of a room (${file.error.issues[0]!.message}). Give one of tiller room file.`,
    );
  const acts: unknown[] = [];
  for (const { seat: by, act } of file.data.log)
    if (act.do === "undo" && act.of === seat) acts.pop();
    else if (by === seat && act.do !== "undo") acts.push(act);
  return acts.length > 0
    ? { acts, problem: undefined }
    : none(`${file.data.name} has no move of ${seat}. Give a room that has.`);
}
