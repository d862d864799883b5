/** What a rater would get next, for those who run the work: as it would look, and nobody takes it. */
import { useState } from "react";
import type { DeskPreview } from "@tiller/schema";
import { initialValue } from "@tiller/task";
import { Empty } from "../design/components.tsx";
import { Markdown } from "../design/markdown.tsx";
import { TaskForm } from "../task/task-form.tsx";
import "./desk.css";

export function StaffPreview({ task, begin }: { task: DeskPreview["task"]; begin: () => void }) {
  return (
    <main className="desk">
      <div className="row spread">
        <h1>{task?.title ?? "Desk"}</h1>
        <button className="button primary" onClick={begin}>
          {task ? "Answer tasks myself" : "Wait for tasks"}
        </button>
      </div>
      <p className="preview-note" role="note">
        <b>Preview.</b>{" "}
        {task
          ? "This is what you would get next. Nothing is taken until you answer tasks yourself; what you try here is not kept."
          : "Raters work here. There is nothing for you now."}
      </p>
      {task ? (
        <Tried key={JSON.stringify(task.input)} task={task} />
      ) : (
        <Empty title="No open task" />
      )}
    </main>
  );
}

function Tried({ task }: { task: NonNullable<DeskPreview["task"]> }) {
  const [value, setValue] = useState(() => initialValue(task.view, task.input, null));
  return (
    <>
      <details className="welcome">
        <summary>Guidelines for this kind of work</summary>
        <Markdown text={task.instructions.replace(/^# .*\n+/, "")} />
      </details>
      <TaskForm
        view={task.view}
        input={task.input}
        swap={false}
        value={value}
        onChange={setValue}
        onSubmit={() => setValue(initialValue(task.view, task.input, null))}
      />
    </>
  );
}
