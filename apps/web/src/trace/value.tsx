/** A value as people read it: long text in the serif, lists of texts as a list, everything else as folded JSON. */
import { useState } from "react";

const LONG = 80; // characters from which a text is read rather than glanced at
const CUT = 20_000; // of a text shown at once
const ITEMS = 50; // of a list or object shown at once

export function Value({ value }: { value: unknown }) {
  if (typeof value === "string") return <Text text={value} />;
  if (Array.isArray(value) && value.length > 0 && value.every((x) => typeof x === "string"))
    return (
      <ol className="value-list">
        <Some
          items={value as string[]}
          show={(x, i) => <li key={i}>{x.length > LONG ? <Text text={x} /> : x}</li>}
        />
      </ol>
    );
  return (
    <div className="json">
      <Json value={value} depth={0} />
    </div>
  );
}

export function Text({ text }: { text: string }) {
  const [shown, show] = useState(CUT);
  return (
    <div className={text.length > LONG || text.includes("\n") ? "read value-text" : "value-text"}>
      {text.slice(0, shown)}
      {text.length > shown && (
        <p>
          <button className="button" onClick={() => show(shown + 10 * CUT)}>
            {(text.length - shown).toLocaleString("en")} more characters
          </button>
        </p>
      )}
    </div>
  );
}

function Some<T>({
  items,
  show,
}: {
  items: readonly T[];
  show: (x: T, i: number) => React.ReactNode;
}) {
  const [n, more] = useState(ITEMS);
  return (
    <>
      {items.slice(0, n).map(show)}
      {items.length > n && (
        <li>
          <button className="button plain" onClick={() => more(n + 10 * ITEMS)}>
            {items.length - n} more
          </button>
        </li>
      )}
    </>
  );
}

const brief = (value: object): string =>
  Array.isArray(value)
    ? `${value.length} ${value.length === 1 ? "item" : "items"}`
    : Object.keys(value).slice(0, 4).join(", ") + (Object.keys(value).length > 4 ? ", …" : "");

function Json({ value, depth }: { value: unknown; depth: number }) {
  if (typeof value === "string")
    return value.length > LONG ? (
      <Text text={value} />
    ) : (
      <span className="json-text">{value === "" ? "(empty)" : value}</span>
    );
  if (typeof value !== "object" || value === null)
    return (
      <span className="json-atom">{value === undefined ? "nothing" : JSON.stringify(value)}</span>
    );
  const entries = Array.isArray(value)
    ? value.map((x: unknown, i) => [String(i + 1), x] as const)
    : Object.entries(value);
  if (!entries.length)
    return <span className="quiet">{Array.isArray(value) ? "no items" : "empty"}</span>;
  return (
    <ul>
      <Some
        items={entries}
        show={([key, x]) => <Entry key={key} name={key} value={x} depth={depth} />}
      />
    </ul>
  );
}

function Entry({ name, value, depth }: { name: string; value: unknown; depth: number }) {
  const nested = typeof value === "object" && value !== null && Object.keys(value).length > 0;
  const [open, set] = useState(depth < 2);
  if (!nested)
    return (
      <li>
        <span className="json-key">{name}</span> <Json value={value} depth={depth + 1} />
      </li>
    );
  return (
    <li>
      <details open={open} onToggle={(e) => set(e.currentTarget.open)}>
        <summary>
          <span className="json-key">{name}</span>{" "}
          {!open && <span className="quiet small">{brief(value)}</span>}
        </summary>
        {open && <Json value={value} depth={depth + 1} />}
      </details>
    </li>
  );
}
