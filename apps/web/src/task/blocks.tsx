/** What a task shows: texts, notes, lists, dialogues. */
import type { Block } from "@tiller/schema";
import { listAt, textAt, textOf } from "@tiller/task";
import { Markdown } from "../design/markdown.tsx";
import { TextDiff } from "./diff.tsx";

const Label = ({ text }: { text: string | undefined }) =>
  text ? <p className="quiet small">{text}</p> : null;

export function BlockView({ block, input }: { block: Block; input: unknown }) {
  switch (block.kind) {
    case "text": {
      const text = textAt(input, block.from);
      return (
        <div role="group" className="block" aria-label={block.label}>
          <Label text={block.label} />
          {block.format === "markdown" ? (
            <div className="read" data-testid={block.from}>
              <Markdown text={text} />
            </div>
          ) : (
            <p className="read passage" data-testid={block.from}>
              {text}
            </p>
          )}
        </div>
      );
    }
    case "note":
      return <Markdown text={block.text} />;
    case "changes":
      return (
        <div role="group" className="block" aria-label={block.label}>
          <Label text={block.label} />
          <TextDiff before={textAt(input, block.was)} after={textAt(input, block.from)} />
        </div>
      );
    case "list":
      if (listAt(input, block.from).length === 0) return null;
      return (
        <div role="group" className="block" aria-label={block.label}>
          <Label text={block.label} />
          <ol className="read listed" data-testid={block.from}>
            {listAt(input, block.from).map((item, i) => (
              <li key={i}>{textOf(item)}</li>
            ))}
          </ol>
        </div>
      );
    case "turns":
      return (
        <div role="group" className="block" aria-label={block.label}>
          <Label text={block.label} />
          <ol className="turns" data-testid={block.from}>
            {listAt(input, block.from).map((turn, i) => (
              <li key={i} data-role={textAt(turn, "role")}>
                <span className="quiet small">{textAt(turn, "role")}</span>
                <p className="read">{textOf(turn)}</p>
              </li>
            ))}
          </ol>
        </div>
      );
  }
}
