/** The roster: everyone over all kinds of work, with groups, languages, qualifications and levels; and invitations. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { type ControlPerson, type Me, type Role, roles, type RosterPerson } from "@tiller/schema";
import { api, asking, keyOf } from "../api.ts";
import { Tools } from "../control/tools.tsx";
import {
  Badge,
  Card,
  Dialog,
  Empty,
  FormEnd,
  Interval,
  Loaded,
  Refused,
  Term,
  when,
} from "../design/components.tsx";
import { VerdictBadge } from "../design/verdict.tsx";

const list = (text: string) =>
  text
    .split(",")
    .map((s) => s.trim())
    .filter(Boolean);

export function RosterPage({ me }: { me: Me }) {
  const people = useQuery(asking("listPeople"));
  const room = useQuery(asking("controlRoom"));
  const [changing, setChanging] = useState<RosterPerson>();
  const [text, setText] = useState("");
  const work = new Map(room.data?.people.map((p) => [p.person as string, p]));
  const wanted = text.trim().toLowerCase();
  const shown = (people.data ?? []).filter((p) =>
    [p.pseudonym, p.name ?? "", p.role, ...(work.get(p.id)?.groups ?? [])].some((t) =>
      t.toLowerCase().includes(wanted),
    ),
  );
  return (
    <main className="control">
      <h1>People</h1>
      {me.role !== "researcher" && <Invitations me={me} />}
      <Card title="Roster">
        <Loaded query={people}>
          {() => (
            <>
              <input
                className="field narrow"
                type="search"
                placeholder="Search: name, role, group"
                aria-label="Search the roster"
                value={text}
                onChange={(e) => setText(e.target.value)}
              />
              <div className="scroll">
                <table>
                  <thead>
                    <tr>
                      <th>Person</th>
                      <th>Role</th>
                      <th>Groups</th>
                      <th>Languages</th>
                      <th>Qualifications</th>
                      <th>
                        <Term>Reliability</Term>
                      </th>
                      <th>Stage</th>
                      <th>Seen</th>
                      <th>
                        <span className="sr">Actions</span>
                      </th>
                    </tr>
                  </thead>
                  <tbody>
                    {shown.map((p) => (
                      <Row
                        key={p.id}
                        person={p}
                        work={work.get(p.id)}
                        change={() => setChanging(p)}
                      />
                    ))}
                  </tbody>
                </table>
              </div>
            </>
          )}
        </Loaded>
      </Card>
      {changing && (
        <PersonDialog
          me={me}
          person={changing}
          work={work.get(changing.id)}
          close={() => setChanging(undefined)}
        />
      )}
    </main>
  );
}

function Row({
  person: p,
  work,
  change,
}: {
  person: RosterPerson;
  work: ControlPerson | undefined;
  change: () => void;
}) {
  return (
    <tr>
      <td>
        {p.pseudonym} {p.simulated && <Badge>simulated</Badge>}{" "}
        {p.disabled && <Badge tone="bad">may not sign in</Badge>}
        {p.name && (
          <>
            <br />
            <span className="quiet small">{p.name}</span>
          </>
        )}
      </td>
      <td data-label="Role">
        {p.role} {p.paid && <span className="quiet small">paid</span>}
      </td>
      <td data-label="Groups">{work?.groups.join(", ") || "–"}</td>
      <td data-label="Languages">{work?.languages.join(", ") || "–"}</td>
      <td data-label="Qualifications">
        {Object.entries(work?.qualifications ?? {})
          .map(([name, level]) => `${name} ${level}`)
          .join(", ") || "–"}
      </td>
      <td data-label="Reliability">
        {work?.quality ? (
          <>
            <Interval
              low={work.quality.reliabilityLow}
              at={work.quality.reliability}
              high={work.quality.reliabilityHigh}
              bad={work.quality.flag === "careless"}
            />
            <VerdictBadge of={work.quality.flag} concerns={work.quality.concerns} />
          </>
        ) : (
          "–"
        )}
      </td>
      <td data-label="Stage">{work ? (work.pausedAt ? "paused" : work.stage) : "–"}</td>
      <td data-label="Seen" className="quiet nowrap">
        {p.seenAt ? when(p.seenAt) : "never"}
      </td>
      <td className="wide" aria-label="Actions">
        <Tools>
          <button className="button" onClick={change}>
            Change
          </button>
        </Tools>
      </td>
    </tr>
  );
}

/** Who may do what is the server's table; here only what would be refused anyway is left out. */
function PersonDialog({
  me,
  person,
  work,
  close,
}: {
  me: Me;
  person: RosterPerson;
  work: ControlPerson | undefined;
  close: () => void;
}) {
  const client = useQueryClient();
  const [groups, setGroups] = useState(work?.groups.join(", ") ?? "");
  const [languages, setLanguages] = useState(work?.languages.join(", ") ?? "");
  const [qualification, setQualification] = useState("");
  const [level, setLevel] = useState("1");
  const [role, setRole] = useState<Role>(person.role);
  const [paid, setPaid] = useState(person.paid);
  const [disabled, setDisabled] = useState(person.disabled);
  const [link, setLink] = useState<string>();
  const admin = me.role === "admin";
  const path = encodeURIComponent(person.id);
  const save = useMutation({
    mutationFn: async () => {
      if (work) {
        const named = qualification.trim()
          ? {
              qualification: {
                name: qualification.trim(),
                level: level === "" ? null : Number(level),
              },
            }
          : {};
        const change = { groups: list(groups), languages: list(languages), ...named };
        await api.changeWorker({ id: path, body: change });
      }
      if (admin && (role !== person.role || paid !== person.paid || disabled !== person.disabled))
        await api.changePerson({ id: path, body: { role, paid, disabled } });
    },
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: keyOf("listPeople") });
      await client.invalidateQueries({ queryKey: keyOf("controlRoom") });
      close();
    },
  });
  const makeLink = useMutation({
    mutationFn: () => api.newLink({ id: path }),
    onSuccess: (made) => setLink(made.link),
  });
  const signOut = useMutation({
    mutationFn: () => api.revokeSessions({ id: path, body: {} }),
  });
  const error = save.error ?? makeLink.error ?? signOut.error;
  return (
    <Dialog open close={close} title={person.pseudonym}>
      <form
        className="form"
        onSubmit={(e) => {
          e.preventDefault();
          save.mutate();
        }}
      >
        {work && (
          <>
            <div className="pair-fields">
              <label>
                Groups, with commas
                <input value={groups} onChange={(e) => setGroups(e.target.value)} />
              </label>
              <label>
                Languages, with commas
                <input value={languages} onChange={(e) => setLanguages(e.target.value)} />
              </label>
              <label>
                Set a qualification
                <input value={qualification} onChange={(e) => setQualification(e.target.value)} />
              </label>
              <label>
                Level; empty takes it away
                <input
                  type="number"
                  step="any"
                  value={level}
                  onChange={(e) => setLevel(e.target.value)}
                />
              </label>
            </div>
          </>
        )}
        {admin && (
          <>
            <label>
              Role
              <select
                value={role}
                onChange={(e) => setRole(roles.find((r) => r === e.target.value)!)}
              >
                {roles.map((r) => (
                  <option key={r}>{r}</option>
                ))}
              </select>
            </label>
            <label className="check">
              <input type="checkbox" checked={paid} onChange={(e) => setPaid(e.target.checked)} />
              Working time is paid
            </label>
            <label className="check">
              <input
                type="checkbox"
                checked={disabled}
                onChange={(e) => setDisabled(e.target.checked)}
              />
              May not sign in
            </label>
          </>
        )}
        {link && (
          <label>
            A sign-in link for a week, shown once
            <output className="once">{link}</output>
          </label>
        )}
        {signOut.data && <p role="status">{signOut.data.ended} sessions and links ended.</p>}
        <Refused error={error} />
        <div className="actions">
          {admin && (
            <button type="button" className="button" onClick={() => makeLink.mutate()}>
              New sign-in link
            </button>
          )}
          {admin && (
            <button type="button" className="button" onClick={() => signOut.mutate()}>
              Sign out everywhere
            </button>
          )}
          <button type="button" className="button" onClick={close}>
            Cancel
          </button>
          <button className="button primary" disabled={save.isPending}>
            Save
          </button>
        </div>
      </form>
    </Dialog>
  );
}

const stateTone = { open: "good", used: undefined, expired: "warn", revoked: "bad" } as const;

function Invitations({ me }: { me: Me }) {
  const client = useQueryClient();
  const [inviting, setInviting] = useState(false);
  const invitations = useQuery(asking("listInvitations"));
  const revoke = useMutation({
    mutationFn: (id: string) => api.revokeInvitation({ id }),
    onSettled: () => client.invalidateQueries({ queryKey: keyOf("listInvitations") }),
  });
  return (
    <Card
      title="Invitations"
      aside={
        <button className="button primary" onClick={() => setInviting(true)}>
          Invite
        </button>
      }
    >
      <Loaded
        query={invitations}
        empty={
          <Empty title="No invitations yet">
            An invitation is a link that one person uses once, before it expires.
          </Empty>
        }
      >
        {(data) => (
          <ul className="alerts">
            {data.slice(0, 8).map((i) => (
              <li key={i.id}>
                <Badge tone={stateTone[i.state]}>{i.state}</Badge>
                <span>
                  {i.role}
                  {i.groups.length > 0 && ` in ${i.groups.join(", ")}`} {i.note && `· ${i.note}`}{" "}
                  <span className="quiet small">
                    by {i.createdBy},{" "}
                    {i.usedBy
                      ? `used by ${i.usedBy}`
                      : i.state === "used"
                        ? "used"
                        : `until ${when(i.expiresAt)}`}
                  </span>
                </span>
                {i.state === "open" && (
                  <button
                    className="button"
                    disabled={revoke.isPending}
                    onClick={() => revoke.mutate(i.id)}
                  >
                    Withdraw
                  </button>
                )}
              </li>
            ))}
          </ul>
        )}
      </Loaded>
      {inviting && <InviteDialog me={me} close={() => setInviting(false)} />}
    </Card>
  );
}

const onlyHere = (link: string) =>
  /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(new URL(link).hostname);

function InviteDialog({ me, close }: { me: Me; close: () => void }) {
  const client = useQueryClient();
  const [role, setRole] = useState<Role>("rater");
  const [groups, setGroups] = useState("");
  const [languages, setLanguages] = useState("");
  const [days, setDays] = useState("7");
  const [note, setNote] = useState("");
  const invite = useMutation({
    mutationFn: () =>
      api.invite({
        body: { role, groups: list(groups), languages: list(languages), days: Number(days), note },
      }),
    onSuccess: () => client.invalidateQueries({ queryKey: keyOf("listInvitations") }),
  });
  return (
    <Dialog open close={close} title="Invite somebody">
      {invite.data ? (
        <div className="form">
          <p>Send this link. It works once, and is shown only now.</p>
          <output className="once">{invite.data.link}</output>
          {onlyHere(invite.data.link) && (
            <p className="quiet small">
              This address works on this machine alone. For others, start the server with{" "}
              <code>--host 0.0.0.0</code> and open it by this machine’s name, or with{" "}
              <code>--public-url https://…</code>.
            </p>
          )}
          <div className="actions">
            <button
              className="button"
              onClick={() => void navigator.clipboard?.writeText(invite.data.link)}
            >
              Copy
            </button>
            <button className="button primary" onClick={close}>
              Done
            </button>
          </div>
        </div>
      ) : (
        <form
          className="form"
          onSubmit={(e) => {
            e.preventDefault();
            invite.mutate();
          }}
        >
          <div className="pair-fields">
            <label>
              Role
              <select
                value={role}
                disabled={me.role !== "admin"}
                onChange={(e) => setRole(roles.find((r) => r === e.target.value)!)}
              >
                {roles.map((r) => (
                  <option key={r}>{r}</option>
                ))}
              </select>
            </label>
            <label>
              Days until it expires
              <input
                type="number"
                min={1}
                max={60}
                required
                value={days}
                onChange={(e) => setDays(e.target.value)}
              />
            </label>
            <label>
              Groups, with commas
              <input value={groups} onChange={(e) => setGroups(e.target.value)} />
            </label>
            <label>
              Languages, with commas
              <input value={languages} onChange={(e) => setLanguages(e.target.value)} />
            </label>
          </div>
          <label>
            Note to yourselves
            <input value={note} maxLength={300} onChange={(e) => setNote(e.target.value)} />
          </label>
          <FormEnd error={invite.error} close={close} disabled={invite.isPending}>
            Make the link
          </FormEnd>
        </form>
      )}
    </Dialog>
  );
}
