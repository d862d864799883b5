/** What stands on a page while a query is under way, when it failed, and when it is there. */
import type { ReactNode } from "react";
import { ApiError } from "@tiller/client";
import { base } from "../base.ts";
import { useConnection } from "../connection.ts";
import { listOf } from "../shell/sections.ts";

/** In place of a page that cannot be shown: why, and where to go from here. */
export function WayOn({ title, children }: { title: string; children: ReactNode }) {
  const list = listOf(location.pathname.slice(base.length));
  return (
    <div className="notice" role="alert">
      <h1>{title}</h1>
      <p className="quiet">{children}</p>
      <p className="row">
        {history.length > 1 && (
          <button className="button" onClick={() => history.back()}>
            Back
          </button>
        )}
        {list && (
          <a className="button" href={base + list.to}>
            {list.name}
          </a>
        )}
        <a className="button primary" href={`${base}/`}>
          Go to the start
        </a>
      </p>
    </div>
  );
}
const refused: Readonly<Record<number, string>> = {
  403: "This is for others",
  404: "There is nothing here",
  410: "This is over",
};
export function Failed({ error, retry }: { error: Error; retry?: () => void }) {
  const title = error instanceof ApiError ? refused[error.status] : undefined;
  if (title) return <WayOn title={title}>{sentence(error.message)}</WayOn>;
  return (
    <div className="notice" role="alert">
      <h2>That did not work</h2>
      <p className="quiet">{error.message}</p>
      {retry && (
        <button className="button" onClick={retry}>
          Try again
        </button>
      )}
    </div>
  );
}
const sentence = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);
export const Loading = () => (
  <div className="stack" role="status" aria-busy="true" aria-label="Loading">
    {[80, 95, 60].map((w) => (
      <div key={w} className="skeleton" style={{ width: `${w}%` }} />
    ))}
  </div>
);
interface Query<T> {
  readonly data: T | undefined;
  readonly error: Error | null;
  readonly refetch: () => unknown;
}
/** In place of what a query has not brought yet, where all of a page rests on it. */
export const Missing = ({ query: q }: { query: Omit<Query<unknown>, "data"> }) =>
  q.error ? <Failed error={q.error} retry={() => void q.refetch()} /> : <Loading />;
/** Two queries as one: there when both are. */
export const together = <A, B>(a: Query<A>, b: Query<B>): Query<readonly [A, B]> => ({
  data: a.data === undefined || b.data === undefined ? undefined : [a.data, b.data],
  error: a.error ?? b.error,
  refetch: () => Promise.all([a.refetch(), b.refetch()]),
});
/**
 * What a query brought: a skeleton until then, why it failed with another try, `empty` in place of a list of nothing.
 * What is there stays when a later try fails, with a word of it: nobody loses what they write below. Where Tiller itself is
 * away, or the session has ended, the bar above the page says so once.
 */
export function Loaded<T>({
  query: q,
  empty,
  children,
}: {
  query: Query<T>;
  empty?: ReactNode;
  children: (data: T) => ReactNode;
}) {
  const connection = useConnection();
  if (q.data === undefined) return <Missing query={q} />;
  return (
    <>
      {q.error && connection === "here" && (
        <p role="alert" className="quiet small">
          Not up to date: {q.error.message}{" "}
          <button className="button plain" onClick={() => void q.refetch()}>
            Try again
          </button>
        </p>
      )}
      {empty !== undefined && Array.isArray(q.data) && q.data.length === 0
        ? empty
        : children(q.data)}
    </>
  );
}
