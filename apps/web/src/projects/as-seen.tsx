/** The first items as the desk shows them; before there are any, the kind's own sample. */
import { useState } from "react";
import type { View } from "@tiller/schema";
import { initialValue } from "@tiller/task";
import { Card, Markdown } from "../design/components.tsx";
import { TaskForm } from "../task/task-form.tsx";

export function AsRatersSee({
  title,
  instructions,
  view,
  sample,
  items,
}: {
  title: string;
  instructions: string;
  view: View;
  sample: unknown;
  items: readonly { row: number; input?: unknown }[];
}) {
  const [at, setAt] = useState(0);
  const item = items[Math.min(at, items.length - 1)];
  const input = item ? item.input : sample;
  return (
    <div className="project-beside">
      <Card
        title="As raters see it"
        aside={
          items.length > 1 && (
            <label className="row small quiet">
              Row
              <select value={item?.row} onChange={(e) => setAt(e.target.selectedIndex)}>
                {items.map((i) => (
                  <option key={i.row} value={i.row}>
                    {i.row}
                  </option>
                ))}
              </select>
            </label>
          )
        }
      >
        <div className="project-preview" data-testid="preview">
          <h3>{title}</h3>
          <TaskForm
            key={JSON.stringify([item?.row, view])}
            view={view}
            input={input}
            swap={false}
            value={initialValue(view, input)}
            onChange={() => {}}
            onSubmit={() => {}}
            disabled
          />
          <details>
            <summary>Guidelines</summary>
            <Markdown text={instructions} />
          </details>
        </div>
      </Card>
    </div>
  );
}
