/** What is known of one node, beside the tree: a table of tabs, each a function of the node. */
import { Tabs } from "@base-ui/react/tabs";
import { useQuery } from "@tanstack/react-query";
import { type ComponentType, useEffect, useRef } from "react";
import { asking } from "../api.ts";
import { Loaded } from "../design/components.tsx";
import { nameOf } from "./book-tree.ts";
import { Faith } from "./faith.tsx";
import { Judge } from "./judge.tsx";
import { Judgments } from "./judgments.tsx";
import type { NodeTabProps } from "./node-tab.ts";
import { Versions } from "./versions.tsx";
import "./panel.css";

interface NodeTab {
  /** in the address */
  readonly name: string;
  readonly label: string;
  readonly Tab: ComponentType<NodeTabProps>;
}
const tabs: readonly [NodeTab, ...NodeTab[]] = [
  { name: "judgments", label: "Judgments", Tab: Judgments },
  { name: "faith", label: "Is it true?", Tab: Faith },
  { name: "versions", label: "Versions", Tab: Versions },
  { name: "judge", label: "Judge it", Tab: Judge },
];

export function NodePanel({
  tab,
  said,
  close,
  ...p
}: Omit<NodeTabProps, "page"> & {
  readonly tab: string | undefined;
  /** how many judgments there are, as last heard: more are asked for then */
  readonly said: number;
  readonly close: () => void;
}) {
  const { node } = p;
  const page = useQuery(asking("treeNode", { id: p.id, node: node.node }));
  const { refetch } = page;
  const heard = `${node.node} ${node.seq} ${said}`;
  const last = useRef(heard);
  useEffect(() => {
    if (last.current === heard) return;
    last.current = heard;
    void refetch();
  }, [heard, refetch]);
  const title = useRef<HTMLHeadingElement>(null);
  useEffect(() => title.current?.focus({ preventScroll: true }), [node.node]);
  const aside = useRef<HTMLElement>(null);
  useEffect(() => aside.current?.scrollTo(0, 0), [node.node, tab]);
  const closes = useRef(close);
  useEffect(() => void (closes.current = close), [close]);
  useEffect(() => {
    const panel = aside.current;
    const press = (e: KeyboardEvent) => {
      const inside = (e.target as HTMLElement).closest("[data-task-form]"); // Esc leaves a text there
      if (e.key === "Escape" && !inside) closes.current();
    };
    panel?.addEventListener("keydown", press);
    return () => panel?.removeEventListener("keydown", press);
  }, []);
  const shown = tabs.find((t) => t.name === tab) ?? tabs[0];
  return (
    <aside className="book-panel" ref={aside} aria-label={`About ${nameOf(p.tree, node)}`}>
      <Tabs.Root value={shown.name} onValueChange={p.goTo}>
        <div className="book-panel-head">
          <div className="row spread">
            <h2 ref={title} tabIndex={-1}>
              {nameOf(p.tree, node)}
            </h2>
            <button type="button" className="button plain" onClick={close}>
              Close
            </button>
          </div>
          <Tabs.List className="book-tabs" activateOnFocus>
            {tabs.map((t) => (
              <Tabs.Tab key={t.name} value={t.name}>
                {t.label}
              </Tabs.Tab>
            ))}
          </Tabs.List>
        </div>
        <Tabs.Panel key={node.node} value={shown.name} className="stack book-panel-body">
          <Loaded query={page}>{(found) => <shown.Tab {...p} page={found} />}</Loaded>
        </Tabs.Panel>
      </Tabs.Root>
    </aside>
  );
}
