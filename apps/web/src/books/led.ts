/** Where a node's sentences lead, once its row has stood still for a moment: a row that only flies past shows its words alone. */
import { useEffect, useState } from "react";
import type { TreeNode } from "@tiller/schema";
import type { Led, Support } from "./book-tree.ts";

const STILL_MS = 60;

export function useLed(support: Support, node: TreeNode): readonly Led[] | undefined {
  const [, again] = useState(0);
  const led = support.known(node);
  const missing = led === undefined;
  useEffect(() => {
    if (!missing) return undefined;
    const timer = setTimeout(() => {
      support.find(node);
      again((n) => n + 1);
    }, STILL_MS);
    return () => clearTimeout(timer);
  }, [missing, support, node]);
  return led;
}
