/** What changed between two texts, word by word; deleted words are struck out, new ones underlined. */
import { diffWordsWithSpace } from "diff";
import { useMemo } from "react";

export function TextDiff({ before, after }: { before: string; after: string }) {
  const parts = useMemo(() => diffWordsWithSpace(before, after), [before, after]);
  return (
    <p className="read diff">
      {parts.map((part, i) =>
        part.added ? (
          <ins key={i}>{part.value}</ins>
        ) : part.removed ? (
          <del key={i}>{part.value}</del>
        ) : (
          <span key={i}>{part.value}</span>
        ),
      )}
    </p>
  );
}

/** The instructions as they were and are; for a rater who meets a new version. */
export function InstructionsDiff({
  before,
  after,
}: {
  before: { version: string; text: string };
  after: { version: string; text: string };
}) {
  return (
    <section className="stack" aria-label="What changed in the guidelines">
      <p className="quiet small">
        Version {before.version} became {after.version}. <del>Struck out</del> is gone,{" "}
        <ins>underlined</ins> is new.
      </p>
      <TextDiff before={before.text} after={after.text} />
    </section>
  );
}
