/** What stands on a page while a query is under way, when it failed, and when it is there. */
import type { ReactNode } from "react";

export const Failed = ({ error, retry }: { error: Error; retry?: () => void }) => (
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
 * What is there stays when a later try fails, with a word of it: nobody loses what they write below.
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
  if (q.data === undefined) return <Missing query={q} />;
  return (
    <>
      {q.error && (
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
