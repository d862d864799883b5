/** The name of a figure, which says what it is: under the pointer, on a click, by the keyboard. */
import { Popover } from "@base-ui/react/popover";
import { meaningOf } from "./glossary.ts";

/** `says`: what a metric was declared with; else the glossary's entry of `of`, or of the name itself. */
export function Term({
  children: name,
  of = name,
  says = meaningOf(of),
}: {
  children: string;
  of?: string;
  says?: string | undefined;
}) {
  if (!says) return <>{name}</>;
  return (
    <Popover.Root>
      <Popover.Trigger className="term" openOnHover delay={250}>
        {name}
      </Popover.Trigger>
      <Popover.Portal>
        <Popover.Positioner sideOffset={6} align="start" className="over">
          <Popover.Popup className="menu meaning" aria-label={name}>
            <b>{name}</b>
            <p>{says}</p>
          </Popover.Popup>
        </Popover.Positioner>
      </Popover.Portal>
    </Popover.Root>
  );
}
