/** The rows of a virtual list that are near to what is seen, each at its place. */
import type { Virtualizer } from "@tanstack/react-virtual";
import type { ReactNode } from "react";

export function VirtualRows(p: {
  readonly virtual: Virtualizer<HTMLElement, Element>;
  readonly row: (index: number) => ReactNode;
}) {
  return (
    <div className="virtual" style={{ height: p.virtual.getTotalSize() }}>
      {p.virtual.getVirtualItems().map((item) => (
        <div
          key={item.key}
          data-index={item.index}
          ref={p.virtual.measureElement}
          className="virtual-row"
          style={{ transform: `translateY(${item.start}px)` }}
        >
          {p.row(item.index)}
        </div>
      ))}
    </div>
  );
}
