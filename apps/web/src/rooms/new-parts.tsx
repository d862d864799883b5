/** A labelled field of the form, with what is wrong beside it. */
import { type ReactNode, useId } from "react";

export interface FieldProps {
  readonly id: string;
  readonly "aria-invalid": boolean;
  readonly "aria-describedby": string | undefined;
}
export function Field(p: {
  label: string;
  problem: string | undefined;
  note?: string;
  children: (props: FieldProps) => ReactNode;
}) {
  const id = useId();
  const said = p.problem === undefined && p.note === undefined ? undefined : `${id}-says`;
  return (
    <div className="room-field">
      <label htmlFor={id}>{p.label}</label>
      {p.children({ id, "aria-invalid": p.problem !== undefined, "aria-describedby": said })}
      {said && (
        <p id={said} className={`small ${p.problem === undefined ? "quiet" : "bad-text"}`}>
          {p.problem ?? p.note}
        </p>
      )}
    </div>
  );
}
