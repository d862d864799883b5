/**
 * The server from a page: its operations as typed calls, and as queries whose keys are the operations' names, so that the
 * keys have one place and no page imports another for its key.
 */
import { skipToken, type SkipToken } from "@tanstack/react-query";
import { addressOf, createClient, type TillerClient } from "@tiller/client";
import { type OperationName, operations } from "@tiller/schema";
import { base } from "./base.ts";
import { fetchHere } from "./connection.ts";

export { ApiError } from "@tiller/client";

export const api = createClient({ baseURL: location.origin + base, fetch: fetchHere });

type Given<K extends OperationName> = Parameters<TillerClient[K]>;
export type Reply<K extends OperationName> = Awaited<ReturnType<TillerClient[K]>>;

/** The key of an operation's replies: all of them, or those to what was asked so. */
export const keyOf = <K extends OperationName>(
  name: K,
  given?: Partial<NonNullable<Given<K>[0]>>,
) => (given === undefined ? [name] : [name, given]);

/** What a query of an operation needs: `useQuery(asking("getRun", { id }))`. With undefined nothing is asked yet. */
export const asking = <K extends OperationName>(
  name: K,
  ...given: Given<K> | [Given<K>[0] | undefined]
): { queryKey: readonly [K, object]; queryFn: SkipToken | (() => Promise<Reply<K>>) } => {
  const call = api[name] as (input: unknown) => Promise<Reply<K>>;
  const known = given.length === 0 || given[0] !== undefined;
  return { queryKey: [name, given[0] ?? {}], queryFn: known ? () => call(given[0]) : skipToken };
};

/** Where a file or a stream is, for a link. */
export const linkTo = <K extends OperationName>(name: K, ...[given]: Given<K>): string =>
  base + addressOf(operations[name], { ...given });
