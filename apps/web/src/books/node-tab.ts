/** What a tab of a node's details is given. The tabs are a table in panel.tsx. */
import type { TreeEdit, TreeNode, TreeNodePage } from "@tiller/schema";
import type { BookTree, Lead, Support } from "./book-tree.ts";

export interface NodeTabProps {
  /** of the tree */
  readonly id: string;
  readonly tree: BookTree;
  readonly node: TreeNode;
  /** what was written and said of it, and what it is made from now */
  readonly page: TreeNodePage;
  readonly support: Support;
  readonly follow: (lead: Lead) => void;
  readonly edit: (node: TreeNode, begin: Pick<TreeEdit, "what" | "text">) => void;
  readonly goTo: (tab: string) => void;
}
