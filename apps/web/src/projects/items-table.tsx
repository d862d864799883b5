/** A row an item: label, confidence, answers, seconds, disagreement; filtered, searched, sorted, chosen and judged. */
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { z } from "zod";
import { ItemFilter, type ItemPage, type ResultsQuery } from "@tiller/schema";
import { asking } from "../api.ts";
import { Card, Empty, fixed, Loaded, Paged, percent, Scroll } from "../design/components.tsx";
import { ItemStateBadge, ReviewBar, Reviewed, useReview } from "./review.tsx";

const PAGE = 50;
const shows: Readonly<Record<Exclude<ItemFilter["show"], "all">, string>> = {
  review: "To review",
  undecided: "Undecided",
  answered: "With an answer",
  done: "Complete",
  open: "Open",
  accepted: "Accepted",
  fixed: "Fixed",
  returned: "Sent back",
  gold: "Gold",
};
/** What the page's address holds. */
export const ResultsPlace = z.object({
  show: ItemFilter.shape.show.removeDefault().optional().catch(undefined),
  q: z.string().optional().catch(undefined),
  label: z.string().optional().catch(undefined),
  person: z.string().optional().catch(undefined),
  sort: z.enum(["answers", "confidence", "disagreement", "seconds"]).optional().catch(undefined),
  down: z.boolean().optional().catch(undefined),
  page: z.int().min(1).optional().catch(undefined),
});
type Place = z.infer<typeof ResultsPlace>;
type Go = (change: Partial<Place>) => void;

const sorts: readonly (readonly [NonNullable<Place["sort"]>, string])[] = [
  ["confidence", "Confidence"],
  ["answers", "Answers"],
  ["seconds", "Seconds"],
  ["disagreement", "Disagreement"],
];
function filterOf(place: Place): ItemFilter {
  const [field = "", ...label] = (place.label ?? "").split("=");
  return ItemFilter.parse({
    show: place.show ?? "all",
    q: place.q ?? "",
    person: place.person ?? "",
    ...(place.label ? { field, label: label.join("=") } : {}),
  });
}
const queryOf = (id: string, place: Place) =>
  ({
    id,
    ...filterOf(place),
    ...(place.sort ? { sort: place.sort, order: place.down ? ("down" as const) : "up" } : {}),
    offset: ((place.page ?? 1) - 1) * PAGE,
    limit: PAGE,
  }) satisfies Partial<ResultsQuery> & { id: string };

export function Items({ id }: { id: string }) {
  const place = ResultsPlace.parse(useSearch({ strict: false }));
  const navigate = useNavigate({ from: "/projects/$id" });
  const [chosen, choose] = useState<ReadonlySet<number>>(new Set());
  const go: Go = (change) => {
    choose(new Set());
    void navigate({ search: (old) => ({ ...old, page: undefined, ...change }), replace: true });
  };
  const items = useQuery({
    ...asking("listItems", queryOf(id, place)),
    refetchInterval: 5000,
    placeholderData: keepPreviousData,
  });
  const review = useReview(id);
  return (
    <Card title="Results">
      <Filters place={place} page={items.data} go={go} />
      <Reviewed review={review} />
      <Loaded query={items}>
        {(page) =>
          page.total === 0 ? (
            <Empty title="No item matches" />
          ) : (
            <>
              <ReviewBar
                review={review}
                chosen={[...chosen]}
                filter={filterOf(place)}
                total={page.total}
                clear={() => choose(new Set())}
              />
              <Table id={id} page={page} place={place} go={go} chosen={chosen} choose={choose} />
              {page.total > PAGE && (
                <Paged
                  page={place.page ?? 1}
                  size={PAGE}
                  total={page.total}
                  turn={(page) => go({ page })}
                />
              )}
            </>
          )
        }
      </Loaded>
    </Card>
  );
}

const Filters = ({ place, page, go }: { place: Place; page: ItemPage | undefined; go: Go }) => (
  <div className="project-filters">
    <input
      type="search"
      aria-label="Search"
      placeholder="Search"
      defaultValue={place.q}
      onChange={(e) => go({ q: e.target.value || undefined })}
    />
    <select
      aria-label="Items"
      value={place.show ?? ""}
      onChange={(e) => go({ show: (e.target.value || undefined) as Place["show"] })}
    >
      <option value="">All items</option>
      {Object.entries(shows).map(([show, name]) => (
        <option key={show} value={show}>
          {name}
          {page && show in page.states && ` (${page.states[show as keyof ItemPage["states"]]})`}
        </option>
      ))}
    </select>
    {page?.fields.some((f) => f.labels.length > 0) && (
      <select
        aria-label="Label"
        value={place.label ?? ""}
        onChange={(e) => go({ label: e.target.value || undefined })}
      >
        <option value="">Every label</option>
        {page.fields.flatMap((f) =>
          f.labels.map(({ value, label }) => (
            <option key={`${f.name}=${value}`} value={`${f.name}=${value}`}>
              {f.label || f.name}: {label}
            </option>
          )),
        )}
      </select>
    )}
    {place.person && (
      <button className="button" onClick={() => go({ person: undefined })}>
        Answered by {place.person} ×
      </button>
    )}
    <span className="small quiet num" role="status">
      {page && `${page.total} items`}
    </span>
  </div>
);

function Table({
  id,
  page,
  place,
  go,
  chosen,
  choose,
}: {
  id: string;
  page: ItemPage;
  place: Place;
  go: Go;
  chosen: ReadonlySet<number>;
  choose: (chosen: ReadonlySet<number>) => void;
}) {
  const order = (sort: Place["sort"]) =>
    place.sort === sort ? (place.down ? "descending" : "ascending") : undefined;
  const turn = (sort: NonNullable<Place["sort"]>) =>
    go(
      place.sort !== sort
        ? { sort, down: true }
        : place.down
          ? { down: undefined }
          : { sort: undefined, down: undefined },
    );
  const here = page.items.map((i) => i.place);
  const all = here.every((p) => chosen.has(p));
  const set = (places: readonly number[], on: boolean) => {
    const next = new Set(chosen);
    for (const p of places)
      if (on) next.add(p);
      else next.delete(p);
    choose(next);
  };
  return (
    <Scroll label="Results">
      <table className="results">
        <thead>
          <tr>
            <th className="choose">
              <input
                type="checkbox"
                aria-label="Choose all on this page"
                checked={all}
                onChange={(e) => set(here, e.target.checked)}
              />
            </th>
            <th>Item</th>
            {page.fields.map((f) => (
              <th key={f.name}>{f.label || f.name}</th>
            ))}
            {sorts.map(([sort, name]) => (
              <th key={sort} aria-sort={order(sort)}>
                <button className="sort" onClick={() => turn(sort)}>
                  {name}
                  {place.sort === sort && (place.down ? " \u2193" : " \u2191")}
                </button>
              </th>
            ))}
            <th>State</th>
          </tr>
        </thead>
        <tbody>
          {page.items.map((i) => (
            <tr key={i.place}>
              <td className="choose">
                <input
                  type="checkbox"
                  aria-label={`Choose item ${i.place}`}
                  checked={chosen.has(i.place)}
                  onChange={(e) => set([i.place], e.target.checked)}
                />
              </td>
              <td>
                <Link
                  to="/projects/$id/items/$place"
                  params={{ id, place: String(i.place) }}
                  className="item-text"
                >
                  <span className="quiet num">{i.place}</span> {i.text}
                </Link>
              </td>
              {page.fields.map((f) => {
                const label = i.labels.find((l) => l.field === f.name);
                return (
                  <td key={f.name}>
                    <div className={label?.undecided ? "cell warn-text" : "cell"}>
                      {label?.words || "–"}
                    </div>
                  </td>
                );
              })}
              <td className="num">
                {percent(i.labels.find((l) => l.confidence !== null)?.confidence)}
              </td>
              <td className="num">{i.gold ? "–" : `${i.answers} of ${i.people}`}</td>
              <td className="num">{fixed(i.seconds, 0)}</td>
              <td className="num">{percent(i.disagreement)}</td>
              <td>
                <ItemStateBadge state={i.state} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}
