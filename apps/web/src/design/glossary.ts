/** docs/glossary.md by term: what stands behind a figure's name. */
import text from "../../../../docs/glossary.md?raw";

/** A term in bold begins its entry, which goes on to the next empty line. */
export const entriesOf = (markdown: string): ReadonlyMap<string, string> =>
  new Map(
    markdown
      .split(/\n\s*\n/)
      .map((entry) => /^\*\*(.+?)\*\* ([\s\S]+)$/.exec(entry.trim()))
      .filter((m) => m !== null)
      .map(([, term, says]) => [
        term!.toLowerCase(),
        says!
          .replace(/\s+/g, " ")
          .replace(/\s*\(\[.*?\]\(.*?\)\)/g, "") // where the docs say more
          .replace(/[*`]/g, ""),
      ]),
  );
const entries = entriesOf(text);

/** What the glossary says of a name: as it stands, or without what only narrows it. */
export function meaningOf(name: string): string | undefined {
  const plain = name.toLowerCase();
  const wider = plain
    .replace(/,.*$/, "")
    .replace(/ (today|now|in \d+ days|so far|per cent|this month)$/, "")
    .trim();
  return [plain, wider, wider.replace(/s$/, "")].map((n) => entries.get(n)).find(Boolean);
}
