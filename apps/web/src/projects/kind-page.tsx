/** What a project asks, changed after its start: a new version for items that nobody has begun. Or as a file of code. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { useState } from "react";
import { type ItemMapping, type ItemPage, type KnownKind, own, type Project } from "@tiller/schema";
import { api, asking, keyOf, linkTo } from "../api.ts";
import { Card, Empty, Loaded, Refused, together } from "../design/components.tsx";
import { AsRatersSee } from "./as-seen.tsx";
import { type Changes, changesOf, KindForm, type Start } from "./kind-form.tsx";
import "./projects.css";

export function KindPage() {
  const { id } = useParams({ from: "/projects/$id/kind" });
  const project = useQuery(asking("getProject", { id }));
  const kinds = useQuery(asking("listKinds"));
  const items = useQuery(asking("listItems", { id, limit: 5 }));
  return (
    <main className="new-project">
      <p className="small">
        <Link to="/projects">Projects</Link> /{" "}
        <Link to="/projects/$id" params={{ id }}>
          {project.data?.title ?? id}
        </Link>
      </p>
      <h1>What is asked</h1>
      <Loaded query={together(project, together(kinds, items))}>
        {([p, [known, page]]) => {
          const kind = known.find((k) => k.name === p.type);
          return kind ? (
            <KindEditor project={p} kind={kind} page={page} />
          ) : (
            <Empty title="Its kind of work is not known here" />
          );
        }}
      </Loaded>
    </main>
  );
}

function KindEditor({
  project: { id, mapping, items },
  kind,
  page,
}: {
  project: Project;
  kind: KnownKind;
  page: ItemPage;
}) {
  const client = useQueryClient();
  const [said, setSaid] = useState<Changes>({});
  const start: Start = {
    ...kind,
    key: `${kind.name}@${kind.version}`,
    from: kind.from === "browser" ? "here" : "ready",
  };
  const [place] = page.items.map((i) => i.place);
  const first = useQuery({
    ...asking("getItem", place === undefined ? undefined : { id, place }),
  });
  const columns = Object.keys(first.data?.source ?? {});
  const changes = changesOf(start, said);
  const fresh = Object.keys(changes).length > 0;
  // a text that is put in by its column is filled by that column
  const view = changes.view ?? kind.view;
  const added = view.show.flatMap((b) =>
    b.kind === "note" || Object.hasOwn(mapping.input, b.from)
      ? []
      : columns.filter((c) => c === b.label).map((c) => [b.from, c] as const),
  );
  const filled: ItemMapping = {
    ...mapping,
    input: { ...mapping.input, ...Object.fromEntries(added) },
  };
  const save = useMutation({
    mutationFn: () =>
      api.changeKind({ id, body: { ...changes, ...(added.length ? { mapping: filled } : {}) } }),
    onSuccess: () => {
      setSaid({});
      return Promise.all(
        (["listKinds", "getProject", "listItems", "getItem"] as const).map((name) =>
          client.invalidateQueries({ queryKey: keyOf(name) }),
        ),
      );
    },
  });
  return (
    <div className="project-sides">
      <Card
        title={`Version ${kind.version}`}
        aside={
          kind.from === "browser" && (
            <a className="button" href={linkTo("kindFile", { name: kind.name })}>
              As a TypeScript file
            </a>
          )
        }
      >
        <p className="quiet">
          A change makes a new version for those of the {items} items that nobody has begun. What
          was begun or answered keeps its version, and its own results.
        </p>
        <KindForm
          starts={[]}
          start={start}
          choose={() => {}}
          columns={columns}
          changes={said}
          change={setSaid}
        />
        <Refused error={save.error} />
        {save.data && (
          <p role="status">
            {save.data.moved} items are asked as {save.data.kind.replace(/^.*@/, "version ")},{" "}
            {save.data.kept} keep theirs.
          </p>
        )}
        <div>
          <button
            className="button primary"
            disabled={!fresh || save.isPending}
            onClick={() => save.mutate()}
          >
            Save as a new version
          </button>
        </div>
      </Card>
      <AsRatersSee
        title={changes.title ?? kind.title}
        instructions={changes.instructions ?? kind.instructions}
        view={view}
        sample={kind.sample}
        items={first.data ? [{ row: first.data.place, input: withAdded(first.data, added) }] : []}
      />
    </div>
  );
}
/** The preview has what is put in before the server has. */
const withAdded = (
  item: { input?: unknown; source: Readonly<Record<string, unknown>> },
  added: readonly (readonly [string, string])[],
) => ({
  ...(item.input as object),
  ...Object.fromEntries(added.map(([path, column]) => [path, own(item.source, column)])),
});
