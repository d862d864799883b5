/** What can be done from a node: each says what will happen before it happens. */
import { useEffect, useState } from "react";
import type { NodeView } from "@tiller/schema";
import { Dialog } from "../design/components.tsx";
import type { TraceActions, TraceSource } from "./source.ts";
import { asText } from "./text-diff.tsx";
import type { Branch } from "./tree.ts";

type Name = keyof TraceActions;
interface Action {
  readonly name: Name;
  readonly label: string;
  /** whether it makes sense at this node */
  readonly fits: (b: Branch) => boolean;
  /** what will happen, in words */
  readonly says: (b: Branch) => string[];
  readonly confirm: string;
}
const going = (b: Branch) => b.node.state === "running" || b.node.state === "waiting";
const answersIn = (b: Branch) =>
  b.sum.answers ? `${b.sum.answers} answers by people are asked for again.` : "";

const actions: readonly Action[] = [
  {
    name: "fork",
    label: "Fork from here",
    fits: (b) => b.level > 1,
    says: (b) => [
      `A new run starts. What this run had finished before "${b.node.name}" is carried over and not paid for again.`,
      `"${b.node.name}" takes the input or output you give below; what depends on it runs anew.`,
      "This run stays as it is.",
    ],
    confirm: "Start the fork",
  },
  {
    name: "rewind",
    label: "Rewind to here",
    fits: (b) => b.level > 1 && b.node.state !== "failed",
    says: (b) => [
      `"${b.node.name}" and what came after it run again; what was finished before is kept.`,
      answersIn(b),
    ],
    confirm: "Rewind",
  },
  {
    name: "rewind",
    label: "Retry",
    fits: (b) => b.node.state === "failed",
    says: (b) => [
      `"${b.node.name}" runs again, and then what comes after it. What was finished before is kept.`,
    ],
    confirm: "Retry",
  },
  {
    name: "reask",
    label: "Ask again",
    fits: (b) => b.node.kind === "ask",
    says: (b) => [
      `"${b.node.name}" is asked again: ${b.node.wanted} new answers are wanted.`,
      b.node.answers
        ? `The ${b.node.answers} answers it has stay stored, but this run no longer uses them.`
        : "",
      "What came after it runs again with the new answers.",
    ],
    confirm: "Ask again",
  },
  {
    name: "cancel",
    label: "Cancel",
    fits: going,
    says: (b) => [
      b.children.length
        ? `"${b.node.name}" and the ${b.sum.nodes - 1} steps inside it end now.`
        : `"${b.node.name}" ends now.`,
      b.sum.waiting
        ? "Open tasks are taken off the raters' desks; answers that are in stay stored."
        : "",
      b.level === 1
        ? "The whole run ends. It can be rewound later."
        : "What waits for it is told that it was cancelled.",
    ],
    confirm: "Cancel it",
  },
];

export function ActionBar({ source, branch }: { source: TraceSource; branch: Branch }) {
  const [chosen, choose] = useState<Action>();
  const fitting = actions.filter((a) => a.fits(branch));
  if (!fitting.length) return null;
  return (
    <div className="row trace-actions">
      {fitting.map((a) => (
        <button key={a.label} className="button small" onClick={() => choose(a)}>
          {a.label}
        </button>
      ))}
      {chosen && (
        <ActionDialog
          key={chosen.label}
          source={source}
          branch={branch}
          action={chosen}
          close={() => choose(undefined)}
        />
      )}
    </div>
  );
}

/** undefined: not JSON and not meant as a text */
function parsed(text: string, asJson: boolean): { value: unknown } | { wrong: string } {
  if (!asJson) return { value: text };
  try {
    return { value: JSON.parse(text) as unknown };
  } catch (e) {
    return { wrong: `This is not JSON: ${(e as Error).message}. Correct it, or edit it as text.` };
  }
}

function ActionDialog(p: {
  source: TraceSource;
  branch: Branch;
  action: Action;
  close: () => void;
}) {
  const { source, branch, action } = p;
  const [node, setNode] = useState<NodeView>();
  const [part, setPart] = useState<"input" | "output">("output");
  const [edited, edit] = useState<{ text: string; json: boolean }>();
  const [failed, fail] = useState<string>();
  const [done, finish] = useState<string>();
  const [busy, setBusy] = useState(false);
  const forks = action.name === "fork";
  useEffect(() => {
    if (forks) source.node(branch.node.id).then(setNode, (e: Error) => fail(e.message));
  }, [forks, source, branch.node.id]);
  const stored = node?.[part];
  const now = edited ?? {
    text: stored === null || stored === undefined ? "" : asText(stored),
    json: typeof stored !== "string",
  };
  const checked = forks && edited ? parsed(now.text, now.json) : undefined;
  const run = async () => {
    setBusy(true);
    fail(undefined);
    try {
      const at = { node: branch.node.id };
      const changed = checked && "value" in checked ? { [part]: checked.value } : {};
      const made = await source.actions![action.name]({ ...at, ...changed });
      finish(made?.experiment ?? "");
    } catch (e) {
      fail((e as Error).message);
    } finally {
      setBusy(false);
    }
  };
  return (
    <Dialog open close={p.close} title={action.label}>
      {done !== undefined ? (
        <>
          <p>
            {done && done !== source.run.id ? (
              <>
                It goes on as{" "}
                <a href={`/studio/experiments/${encodeURIComponent(done)}/trace`}>{done}</a>.
              </>
            ) : (
              "Done. The tree shows it in a moment."
            )}
          </p>
          <div className="row">
            <button className="button primary" onClick={p.close}>
              Close
            </button>
          </div>
        </>
      ) : (
        <>
          <ul>
            {action
              .says(branch)
              .filter(Boolean)
              .map((s) => (
                <li key={s}>{s}</li>
              ))}
          </ul>
          {forks && node && (
            <fieldset className="stack trace-edit">
              <legend className="small">What changes</legend>
              <div className="row small">
                {(["output", "input"] as const).map((name) => (
                  <label key={name} className="row" style={{ gap: 4 }}>
                    <input
                      type="radio"
                      name="part"
                      checked={part === name}
                      onChange={() => {
                        setPart(name);
                        edit(undefined);
                      }}
                    />
                    its {name}
                  </label>
                ))}
                <label className="row" style={{ gap: 4 }}>
                  <input
                    type="checkbox"
                    checked={now.json}
                    onChange={(e) => edit({ ...now, json: e.target.checked })}
                  />
                  as JSON
                </label>
              </div>
              <textarea
                rows={10}
                spellCheck={false}
                aria-label={`The ${part}`}
                className={now.json ? "code" : "read"}
                value={now.text}
                onChange={(e) => edit({ text: e.target.value, json: now.json })}
              />
              {!edited && (
                <p className="small quiet">
                  Nothing changed yet: the fork would run this step again as it was.
                </p>
              )}
            </fieldset>
          )}
          {checked && "wrong" in checked && (
            <p role="alert" className="small" style={{ color: "var(--bad)" }}>
              {checked.wrong}
            </p>
          )}
          {failed && (
            <p role="alert" className="small" style={{ color: "var(--bad)" }}>
              {failed}
            </p>
          )}
          <div className="row">
            <button
              className="button primary"
              disabled={busy || (forks && !node) || (checked && "wrong" in checked)}
              onClick={() => void run()}
            >
              {action.confirm}
            </button>
            <button className="button" onClick={p.close}>
              Leave it
            </button>
          </div>
        </>
      )}
    </Dialog>
  );
}
