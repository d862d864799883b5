/** New room for a lead: how it is played, about what, who sits where, how much time; then start, a room a question. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { protocols } from "@tiller/room/protocols/index.ts";
import type { NewRooms } from "@tiller/schema";
import { api, asking, keyOf } from "../api.ts";
import { Card, Refused } from "../design/components.tsx";
import { boundOf, ChooseProtocol } from "./new-protocol.tsx";
import { Field } from "./new-parts.tsx";
import { asked, type Asking, QuestionFields, typedAnew } from "./new-question.tsx";
import { type Given, Seats, seated } from "./new-seats.tsx";
import "./rooms.css";
import "./new.css";

const FIRST = "nyu-debate";

export function NewRoomPage() {
  const [name, setName] = useState(FIRST);
  const [asking_, ask] = useState<Asking>(typedAnew);
  const [seats, setSeats] = useState<Readonly<Record<string, Given>>>({});
  const [minutes, setMinutes] = useState("");
  const [title, setTitle] = useState("");
  const [seed, setSeed] = useState("");
  const [exposed, expose] = useState(false);
  const [sent, setSent] = useState(false);
  const people = useQuery(asking("listPeople"));
  const models = useQuery(asking("listModels"));
  const served = useQuery(asking("listServed"));
  const client = useQueryClient();
  const navigate = useNavigate();
  const rules = protocols.get(name)!;
  const known = {
    people: (people.data ?? []).filter((p) => !p.disabled),
    models: [
      ...new Set([
        ...(models.data?.models ?? []).filter((m) => m.state !== null).map((m) => m.name),
        ...(served.data ?? []).filter((m) => m.served !== null).map((m) => m.name),
      ]),
    ],
    /** until the lists are here, nobody is called unknown */
    all: people.data !== undefined && models.data !== undefined && served.data !== undefined,
  };
  const questions = asked(asking_);
  const who = seated(rules, seats, known);
  const problems = {
    ...questions.problems,
    ...who.problems,
    ...(minutes !== "" && !(Number(minutes) > 0 && Number(minutes) <= 43_200)
      ? {
          minutes:
            "Minutes are more than 0 and at most 43,200, which is 30 days. Leave it empty for no deadline.",
        }
      : {}),
    ...(/^\d{0,9}$/.test(seed) ? {} : { seed: "A seed is a whole number of at most nine digits." }),
  };
  const shown: Readonly<Record<string, string>> = sent ? problems : {};
  const start = useMutation({
    mutationFn: (body: NewRooms) => api.startRooms({ body }),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: keyOf("listRooms") });
      await navigate({ to: "/control/rooms" });
    },
  });
  const submit = (e: FormEvent) => {
    e.preventDefault();
    setSent(true);
    if (Object.keys(problems).length > 0) {
      // the first field that is wrong, once it is marked
      setTimeout(() => document.querySelector<HTMLElement>("[aria-invalid=true]")?.focus());
      return;
    }
    start.mutate({
      name: title.trim(),
      rules: name,
      questions: [...questions.questions],
      seats: who.seats,
      exposed: exposed ? "allow" : "refuse",
      ...(seed === "" ? {} : { seed: Number(seed) }),
      ...(minutes === "" ? {} : { minutes: Number(minutes) }),
    });
  };
  const n = questions.questions.length;
  const said = [...who.names].map(([seat, is]) => `${seat}: ${is}`);
  const wrong = Object.keys(problems).length;
  return (
    <main className="new-room">
      <div>
        <Link to="/control/rooms" className="small">
          Rooms
        </Link>
        <h1>New room</h1>
      </div>
      <form className="stack room-form" onSubmit={submit} noValidate>
        <Card title="1. How it is played">
          <ChooseProtocol name={name} choose={setName} />
        </Card>
        <Card title="2. What it is about">
          <QuestionFields value={asking_} change={ask} problems={shown} />
        </Card>
        <Card title="3. Who sits where">
          <Seats rules={rules} value={seats} change={setSeats} known={known} problems={shown} />
        </Card>
        <Card title="4. Time, and start">
          <div className="room-numbers">
            <Field label="Minutes for a move" problem={shown["minutes"]} note="empty: no deadline">
              {(p) => (
                <input
                  {...p}
                  inputMode="decimal"
                  value={minutes}
                  onChange={(e) => setMinutes(e.target.value)}
                />
              )}
            </Field>
            <Field label="Name" problem={undefined} note="empty: its question">
              {(p) => (
                <input
                  {...p}
                  maxLength={200}
                  value={title}
                  onChange={(e) => setTitle(e.target.value)}
                />
              )}
            </Field>
            <Field label="Seed" problem={shown["seed"]} note="empty: drawn with the room">
              {(p) => (
                <input
                  {...p}
                  inputMode="numeric"
                  value={seed}
                  onChange={(e) => setSeed(e.target.value)}
                />
              )}
            </Field>
          </div>
          <label className="row">
            <input type="checkbox" checked={exposed} onChange={(e) => expose(e.target.checked)} />
            <span>
              Who saw the text or the question elsewhere may sit here too; the seat is marked
            </span>
          </label>
          <div className="room-summary" aria-live="polite">
            <p>
              <b>
                {n === 0
                  ? `${name}; no question yet.`
                  : `${n === 1 ? "1 room" : `${n} rooms`} of ${name}.`}
              </b>{" "}
              {said.length > 0 && `${said.join("; ")}. `}
              {minutes === ""
                ? "No deadlines."
                : `${minutes} minutes for a move, in at most ${boundOf(rules)} rounds.`}
            </p>
            <p className="quiet small">
              Who argues for what, how the answers are listed and whom a judge sees first is drawn
              in each room anew. Nobody but you learns before the end which answer is right
              {Object.values(rules.seats).some((s) => s.knows.includes("truth"))
                ? ", except seats that are told."
                : "."}
            </p>
          </div>
          <Refused error={start.error} />
          <div className="row">
            <button className="button primary" disabled={start.isPending}>
              {n > 1 ? `Start ${n} rooms` : "Start"}
            </button>
            {sent && wrong > 0 && (
              <span role="alert" className="bad-text">
                {wrong === 1 ? "One thing is" : `${wrong} things are`} missing above.
              </span>
            )}
          </div>
        </Card>
      </form>
    </main>
  );
}
