/** What can be done from a node: each says what will happen before it happens. */
import { useEffect, useState } from "react";
import type { NodeView } from "@tiller/schema";
import { base } from "../base.ts";
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

/** What stands for itself; a stage or a map is made of the calls below it. */
const calls: ReadonlySet<string> = new Set([
  "workflow",
  "step",
  "ask",
  "model",
  "job",
  "sleep",
  "save",
]);
const isCall = (b: Branch) => b.level > 1 && calls.has(b.node.kind);
/** Where the flow takes another input; elsewhere it is in the workflow's code. */
const takesInput = (b: Branch) => b.node.kind === "ask" || b.node.kind === "workflow";
const inPlace = (b: Branch) => [
  `This experiment ends, and a new one goes on in its place: "${b.node.name}" and what followed from it run again.`,
  "Results that do not follow from it are kept, and people go on with the work they have.",
];

const actions: readonly Action[] = [
  {
    name: "fork",
    label: "Fork from here",
    fits: isCall,
    says: (b) => [
      `A new experiment starts. Results that do not follow from "${b.node.name}" are carried over and not paid for again.`,
      `"${b.node.name}" takes ${takesInput(b) ? "the input or output" : "the output"} you give below; what follows from it runs anew.`,
      "This experiment stays as it is.",
    ],
    confirm: "Start the fork",
  },
  {
    name: "rewind",
    label: "Rewind to here",
    fits: (b) => isCall(b) && b.node.state !== "failed",
    says: (b) => [...inPlace(b), answersIn(b)],
    confirm: "Rewind",
  },
  {
    name: "rewind",
    label: "Retry",
    fits: (b) => isCall(b) && b.node.state === "failed",
    says: inPlace,
    confirm: "Retry",
  },
  {
    name: "reask",
    label: "Ask again",
    fits: (b) => b.node.kind === "ask" && b.level > 1,
    says: (b) => [
      `A new experiment starts that asks "${b.node.name}" again: ${b.node.wanted} new answers are wanted.`,
      "Results that do not follow from it are carried over.",
      "This experiment and the answers it has stay as they are.",
    ],
    confirm: "Ask again",
  },
  {
    name: "cancel",
    label: "Cancel",
    fits: going,
    says: (b) => [
      b.children.length
        ? `"${b.node.name}" and what is unfinished of the ${b.sum.nodes - 1} steps inside it end now.`
        : `"${b.node.name}" ends now.`,
      b.sum.waiting
        ? "Open tasks are taken off the raters' desks; answers that are in stay stored."
        : "",
      b.level === 1
        ? "The whole experiment ends."
        : "The workflow around it is told that it was cancelled, and may fail by it.",
    ],
    confirm: "Cancel it",
  },
];

export function ActionBar({ source, branch }: { source: TraceSource; branch: Branch }) {
  const [chosen, choose] = useState<Action>();
  const fitting = actions.filter((a) => a.fits(branch));
  if (!fitting.length && !chosen) return null; // what was done may no longer fit, and still says what it did
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
  const parts = takesInput(branch) ? (["output", "input"] as const) : (["output"] as const);
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
            {done && done !== source.experiment.id ? (
              <>
                It goes on as{" "}
                <a href={`${base}/studio/experiments/${encodeURIComponent(done)}/trace`}>{done}</a>.
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
                {parts.map((name) => (
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
                placeholder={
                  node.large.some((l) => l.part === part)
                    ? "It is too large to be edited here. Left empty it stays as it was."
                    : undefined
                }
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
