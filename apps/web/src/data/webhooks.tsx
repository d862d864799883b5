/** Webhooks: who is told of what, a new one, and the log of deliveries with a second try by hand. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import {
  forLeads,
  type Webhook,
  type WebhookDelivery,
  type WebhookEvent,
  webhookEvents,
} from "@tiller/schema";
import { api, asking, keyOf } from "../api.ts";
import { Badge, Card, Empty, Failed, Loaded, Missing, when } from "../design/components.tsx";
import "./data.css";

export function WebhooksPage() {
  const hooks = useQuery({
    ...asking("listWebhooks"),
    refetchInterval: 5000,
  });
  const [chosen, setChosen] = useState<string>();
  const shown = chosen ?? hooks.data?.[0]?.id;
  return (
    <main>
      <h1>Webhooks and mail</h1>
      <p className="quiet">
        Tiller tells your programs what happens, signed, and your people by mail, and tries again
        for a day and a half. How to check a signature is in docs/data.md; the whole API is at{" "}
        <a href="/api/docs">/api/docs</a>.
      </p>
      <Loaded
        query={hooks}
        empty={<Empty title="Nobody is told yet">Add the first one below.</Empty>}
      >
        {(data) =>
          data.map((w) => (
            <Hook key={w.id} hook={w} open={w.id === shown} choose={() => setChosen(w.id)} />
          ))
        }
      </Loaded>
      <NewMail />
      <NewHook />
    </main>
  );
}

function Hook({ hook, open, choose }: { hook: Webhook; open: boolean; choose: () => void }) {
  const client = useQueryClient();
  const set = useMutation({
    mutationFn: (enabled: boolean) => api.setWebhook({ id: hook.id, body: { enabled } }),
    onSuccess: () => client.invalidateQueries({ queryKey: keyOf("listWebhooks") }),
  });
  return (
    <Card title={hook.url.replace(/^mailto:/, "")}>
      <div className="row spread">
        <p className="quiet small">
          {hook.events.join(", ")}
          {hook.note && ` · ${hook.note}`}
        </p>
        <div className="row">
          {hook.waiting > 0 && <span className="quiet small">{hook.waiting} waiting</span>}
          <Badge tone={hook.disabledAt ? "bad" : hook.failures ? "warn" : "good"}>
            {hook.disabledAt ? "off" : hook.failures ? "failing" : "on"}
          </Badge>
          <button
            type="button"
            className="button"
            disabled={set.isPending}
            onClick={() => set.mutate(hook.disabledAt !== null)}
          >
            {hook.disabledAt ? "Switch on" : "Switch off"}
          </button>
        </div>
      </div>
      {hook.disabledReason && <p role="status">Off: {hook.disabledReason}.</p>}
      {set.error && <Failed error={set.error} />}
      {open ? (
        <Deliveries hook={hook.id} />
      ) : (
        <div>
          <button type="button" className="button" onClick={choose}>
            Show deliveries
          </button>
        </div>
      )}
    </Card>
  );
}

const tone = { pending: "warn", delivered: "good", failed: "bad" } as const;

function Deliveries({ hook }: { hook: string }) {
  const client = useQueryClient();
  const list = useQuery({
    ...asking("listDeliveries", { id: hook }),
    refetchInterval: 5000,
  });
  const again = useMutation({
    mutationFn: (delivery: number) => api.redeliver({ id: hook, delivery }),
    onSuccess: () => client.invalidateQueries({ queryKey: keyOf("listDeliveries", { id: hook }) }),
  });
  if (!list.data) return <Missing query={list} />;
  if (!list.data.length) return <p className="quiet">Nothing was sent yet.</p>;
  return (
    <div className="scroll deliveries">
      {again.error && <Failed error={again.error} />}
      <table>
        <thead>
          <tr>
            <th>When</th>
            <th>Event</th>
            <th>State</th>
            <th>Attempts</th>
            <th>Last reply</th>
            <th>Repeat</th>
          </tr>
        </thead>
        <tbody>
          {list.data.map((d) => (
            <tr key={d.id}>
              <td>{when(d.at)}</td>
              <td>
                <WhatHappened delivery={d} />
              </td>
              <td>
                <Badge tone={tone[d.state]}>{d.state}</Badge>
              </td>
              <td>{d.attempts}</td>
              <td className="quiet">
                {d.error ?? (d.status ? `HTTP ${d.status}` : "–")}
                {d.milliseconds !== null && `, ${d.milliseconds} ms`}
                {d.nextAt && `; next ${when(d.nextAt)}`}
              </td>
              <td>
                <button
                  type="button"
                  className="button"
                  aria-label={`Send again: ${d.type}`}
                  onClick={() => again.mutate(d.id)}
                >
                  Send again
                </button>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const WhatHappened = ({ delivery }: { delivery: WebhookDelivery }) => (
  <details>
    <summary>{delivery.type}</summary>
    <pre className="small">{JSON.stringify(delivery.data, undefined, 2)}</pre>
  </details>
);

/** Each event in words. */
const eventNames: Record<WebhookEvent, string> = {
  "answer.created": "an answer was given",
  "answer.undone": "an answer was taken back",
  "batch.completed": "work is complete",
  "experiment.ended": "an experiment has ended",
  "checkpoint.saved": "a checkpoint was saved",
  "concern.raised": "a rater raised a concern",
  "task.referred": "a task was skipped for a researcher to decide",
  "thread.waiting": "a rater waits for an answer",
  "room.waiting": "a room waits for somebody who is away",
};
const Events = (p: {
  all: readonly WebhookEvent[];
  chosen: readonly WebhookEvent[];
  choose: (events: readonly WebhookEvent[]) => void;
}) => (
  <fieldset>
    <legend>Events</legend>
    {p.all.map((event) => (
      <label key={event} className="check">
        <input
          type="checkbox"
          checked={p.chosen.includes(event)}
          onChange={(e) =>
            p.choose(e.target.checked ? [...p.chosen, event] : p.chosen.filter((x) => x !== event))
          }
        />
        {eventNames[event]} <span className="quiet small">{event}</span>
      </label>
    ))}
  </fieldset>
);

/** What waits for those who run the work, by mail. */
function NewMail() {
  const client = useQueryClient();
  const settings = useQuery(asking("mailSettings"));
  const [address, setAddress] = useState("");
  const [events, setEvents] = useState<readonly WebhookEvent[]>(forLeads);
  const add = useMutation({
    mutationFn: () =>
      api.createWebhook({ body: { url: `mailto:${address.trim()}`, events: [...events] } }),
    onSuccess: () => {
      setAddress("");
      return client.invalidateQueries({ queryKey: keyOf("listWebhooks") });
    },
  });
  return (
    <Card title="Tell somebody by mail">
      {settings.data?.from === null ? (
        <p className="quiet">
          This server sends no mail. Start it with{" "}
          <code>--smtp smtp://user:password@host:587 --mail-from tiller@example.org</code> (or
          TILLER_SMTP and TILLER_MAIL_FROM), and this page takes addresses.
        </p>
      ) : (
        <form
          className="data-form"
          onSubmit={(e) => {
            e.preventDefault();
            add.mutate();
          }}
        >
          <label>
            Mail address
            <input
              type="email"
              required
              placeholder="lead@example.org"
              value={address}
              onChange={(e) => setAddress(e.target.value)}
            />
          </label>
          <Events all={forLeads} chosen={events} choose={setEvents} />
          <button
            type="submit"
            className="button primary"
            disabled={add.isPending || !events.length}
          >
            Add
          </button>
        </form>
      )}
      {add.error && <Failed error={add.error} />}
    </Card>
  );
}

function NewHook() {
  const client = useQueryClient();
  const [url, setUrl] = useState("");
  const [events, setEvents] = useState<readonly WebhookEvent[]>(["batch.completed"]);
  const add = useMutation({
    mutationFn: () => api.createWebhook({ body: { url, events: [...events] } }),
    onSuccess: () => {
      setUrl("");
      return client.invalidateQueries({ queryKey: keyOf("listWebhooks") });
    },
  });
  return (
    <Card title="New webhook">
      <form
        className="data-form"
        onSubmit={(e) => {
          e.preventDefault();
          add.mutate();
        }}
      >
        <label>
          Address
          <input
            type="url"
            required
            placeholder="https://example.org/tiller"
            value={url}
            onChange={(e) => setUrl(e.target.value)}
          />
        </label>
        <Events all={webhookEvents} chosen={events} choose={setEvents} />
        <button type="submit" className="button primary" disabled={add.isPending || !events.length}>
          Add
        </button>
      </form>
      {add.error && <Failed error={add.error} />}
      {add.data && (
        <p role="status">
          Keep this secret, it is shown only now: <code>{add.data.secret}</code>
        </p>
      )}
    </Card>
  );
}
