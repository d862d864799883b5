/** What a page shows of a query: before, failed, nothing there, there, and there while a later try failed. */
import { renderToStaticMarkup } from "react-dom/server";
import { expect, test } from "vitest";
import { Loaded, together } from "./loaded.tsx";

const refetch = () => undefined;
const lost = new Error("The server cannot be reached.");
const shown = (query: Parameters<typeof Loaded<readonly string[]>>[0]["query"]) =>
  renderToStaticMarkup(
    <Loaded query={query} empty="nobody">
      {(names) => names.join(" and ")}
    </Loaded>,
  );

test("a skeleton, then the data, or a notice where the list is empty", () => {
  expect(shown({ data: undefined, error: null, refetch })).toContain('aria-label="Loading"');
  expect(shown({ data: ["Ann", "Bob"], error: null, refetch })).toBe("Ann and Bob");
  expect(shown({ data: [], error: null, refetch })).toBe("nobody");
});

test("a failure says why; what is there stays when a later try fails", () => {
  const failed = shown({ data: undefined, error: lost, refetch });
  expect(failed).toMatch(/role="alert".*The server cannot be reached\..*Try again/);
  const stale = shown({ data: ["Ann"], error: lost, refetch });
  expect(stale).toMatch(/Not up to date: The server cannot be reached\..*Ann$/);
});

test("two queries are there when both are, and fail when one does", () => {
  const ann = { data: "Ann", error: null, refetch };
  expect(together(ann, { ...ann, data: undefined }).data).toBeUndefined();
  expect(together(ann, ann).data).toEqual(["Ann", "Ann"]);
  expect(together(ann, { ...ann, error: lost }).error).toBe(lost);
});
