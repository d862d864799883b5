/** What changed between two values, word by word where they are short enough, else line by line. */
import { diffLines, diffWordsWithSpace } from "diff";
import { useMemo } from "react";

const WORDS = 40_000; // characters up to which words are compared
const PATIENCE_MS = 1500;

export const asText = (value: unknown): string =>
  typeof value === "string" ? value : (JSON.stringify(value, undefined, 2) ?? "");

export function TextDiff({ before, after }: { before: string; after: string }) {
  const parts = useMemo(() => {
    const small = before.length + after.length <= WORDS;
    return (
      (small
        ? diffWordsWithSpace(before, after, { timeout: PATIENCE_MS })
        : diffLines(before, after, { timeout: PATIENCE_MS })) ?? [
        { value: before, removed: true, added: false },
        { value: after, added: true, removed: false },
      ]
    );
  }, [before, after]);
  return (
    <div className="read value-text text-diff">
      {parts.map((p, i) =>
        p.added ? (
          <ins key={i}>{p.value}</ins>
        ) : p.removed ? (
          <del key={i}>{p.value}</del>
        ) : (
          <span key={i}>{p.value}</span>
        ),
      )}
    </div>
  );
}
