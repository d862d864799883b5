/** A node judged where it stands, by the desk's own form: what a second reader is asked, or a check down to the book. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import type { JudgedFromPage, JudgeTreeNode, TreeTask } from "@tiller/schema";
import { type Draft, initialValue } from "@tiller/task";
import { api, ApiError, asking, keyOf } from "../api.ts";
import { Loaded, Markdown } from "../design/components.tsx";
import { TaskForm } from "../task/task-form.tsx";
import type { NodeTabProps } from "./node-tab.ts";

const kinds: Readonly<Record<JudgedFromPage, string>> = {
  feedback: "By what it was made from",
  check: "Down to the book",
};

export function Judge({ id, node, goTo }: NodeTabProps) {
  const [kind, setKind] = useState<JudgedFromPage>("feedback");
  const about = { id, node: node.node };
  const task = useQuery({
    ...asking("treeTask", { ...about, kind }),
    staleTime: Infinity, // what is read stays while it is judged
    gcTime: 0,
    retry: false,
  });
  return (
    <>
      <fieldset className="row book-choice">
        <legend className="sr">How it is judged</legend>
        {(Object.keys(kinds) as JudgedFromPage[]).map((k) => (
          <label key={k} className={`button ${kind === k ? "primary" : ""}`}>
            <input
              type="radio"
              name="judged"
              className="sr"
              checked={kind === k}
              onChange={() => setKind(k)}
            />
            {kinds[k]}
          </label>
        ))}
      </fieldset>
      <Loaded query={task}>
        {(t) => (
          <Form
            key={`${kind} ${t.n} ${t.saw}`}
            task={t}
            kind={kind}
            about={about}
            again={() => void task.refetch()}
            done={() => goTo("judgments")}
          />
        )}
      </Loaded>
    </>
  );
}

function Form(p: {
  task: TreeTask;
  kind: JudgedFromPage;
  about: { id: string; node: string };
  again: () => void;
  done: () => void;
}) {
  const { task, kind, about } = p;
  const client = useQueryClient();
  const [value, setValue] = useState<Draft>(() => initialValue(task.view, task.input));
  const send = useMutation({
    mutationFn: (said: Draft) => {
      const { n, saw } = task;
      const body = { kind, n, saw, value: said as JudgeTreeNode["value"] };
      return api.judgeTreeNode({ ...about, body });
    },
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: keyOf("treeNode", about) });
      void client.invalidateQueries({ queryKey: keyOf("treeJudged", { id: about.id }) });
      p.done();
    },
  });
  const { error } = send;
  return (
    <>
      <details>
        <summary>Guidelines: {task.title}</summary>
        <Markdown text={task.instructions.replace(/^# .*\n+/, "")} />
      </details>
      <TaskForm
        view={task.view}
        input={task.input}
        swap={false}
        value={value}
        onChange={setValue}
        onSubmit={(said) => send.mutate(said)}
        problems={error ? [error.message] : []}
        disabled={send.isPending}
      />
      {error instanceof ApiError && error.code === "changed" && (
        <button type="button" className="button" onClick={p.again}>
          Open it again
        </button>
      )}
    </>
  );
}
