/** Everything that was ever written for a node, and its edits with who made them: none is lost, and each can be put back. */
import type { TreeNodePage } from "@tiller/schema";
import { Badge, Empty } from "../design/components.tsx";
import { TextDiff } from "../task/diff.tsx";
import { Ago } from "./ago.tsx";
import { redoNames } from "./edit.tsx";
import { readThen } from "./judgments.tsx";
import type { NodeTabProps } from "./node-tab.ts";

type Version = TreeNodePage["versions"][number];
type Edit = TreeNodePage["edits"][number];
const made = {
  ...readThen,
  current: { tone: "good", says: "made from what stands now" },
  other: { tone: "warn", says: "made from something else than stands now" },
} as const;

export function Versions(p: NodeTabProps) {
  const { page } = p;
  const edits = new Map(page.edits.map((e) => [e.n, e]));
  const items = [
    ...page.versions.map((version) => ({ at: version.at, version, edit: undefined })),
    // an edit of the summary is told with the version that it wrote
    ...page.edits
      .filter((e) => e.what === "leaf")
      .map((edit) => ({ at: edit.at, version: undefined, edit })),
  ].toSorted((a, b) => b.at.localeCompare(a.at));
  if (items.length === 0)
    return (
      <Empty title="Nothing was written so far">Once it is, all versions are kept here.</Empty>
    );
  const standing = page.versions.find((v) => v.stands);
  return (
    <ol className="book-said">
      {items.map(({ version, edit }) =>
        version ? (
          <Written
            key={version.n}
            {...p}
            version={version}
            standing={standing}
            madeBy={version.edit === null ? undefined : edits.get(version.edit)}
          />
        ) : (
          <Edited key={`edit ${edit.n}`} {...p} made={edit} />
        ),
      )}
    </ol>
  );
}

function Written(
  p: NodeTabProps & {
    version: Version;
    standing: Version | undefined;
    madeBy: Edit | undefined;
  },
) {
  const { version: v, standing, madeBy, page } = p;
  const { tone, says } = made[v.made];
  const source = page.reads?.text;
  return (
    <li className={`card stack ${v.stands ? "stands" : ""}`}>
      <header className="row small quiet">
        <b>{v.author.kind === "person" ? v.author.name : `policy ${v.author.name}`}</b>
        <Ago at={v.at} />
        {v.stands ? <Badge tone="good">stands now</Badge> : <Badge tone={tone}>{says}</Badge>}
        {v.stands && v.made !== "current" && <Badge tone={tone}>{says}</Badge>}
      </header>
      {madeBy && (
        <p className="small quiet">
          An edit by {madeBy.by ?? "nobody known"}, version {madeBy.n} of the tree; redone:{" "}
          {redoNames[madeBy.redo].toLowerCase()}.
        </p>
      )}
      <p className="read">{v.text || <span className="quiet">Empty: nothing to tell.</span>}</p>
      {standing && !v.stands && standing.text === v.text && (
        <p className="small quiet">The same words as the one that stands.</p>
      )}
      {standing && !v.stands && standing.text !== v.text && (
        <details>
          <summary>What changed to the one that stands</summary>
          <TextDiff before={v.text} after={standing.text} />
        </details>
      )}
      {v.read !== null && source !== undefined && v.read !== source && (
        <details>
          <summary>What it was made from, and what changed there</summary>
          <TextDiff before={v.read} after={source} />
        </details>
      )}
      <div className="row">
        {!v.stands && v.text !== standing?.text && (
          <button
            type="button"
            className="button"
            onClick={() => p.edit(p.node, { what: "output", text: v.text })}
          >
            Put it back
          </button>
        )}
        {v.stands && madeBy && (
          <button
            type="button"
            className="button"
            onClick={() => p.edit(p.node, { what: "output", text: madeBy.before })}
          >
            Take the edit back
          </button>
        )}
      </div>
    </li>
  );
}

function Edited(p: NodeTabProps & { made: Edit }) {
  const { made: e } = p;
  return (
    <li className="card stack">
      <header className="row small quiet">
        <b>{e.by ?? "nobody known"}</b>
        <Ago at={e.at} />
        <Badge>the book's words</Badge>
        <span>
          version {e.n} of the tree; redone: {redoNames[e.redo].toLowerCase()}
        </span>
      </header>
      <TextDiff before={e.before} after={e.text} />
      <div className="row">
        <button
          type="button"
          className="button"
          onClick={() => p.edit(p.node, { what: "leaf", text: e.before })}
        >
          Take the edit back
        </button>
      </div>
    </li>
  );
}
