/** The buttons at the end of a row. */
import type { ReactNode } from "react";

export const Tools = ({ children }: { children: ReactNode }) => (
  <div className="tools">{children}</div>
);
