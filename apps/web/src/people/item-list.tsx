/** Training or test items of a qualification: each as a form, or taken from a project's rows that have an answer. */
import { type ReactNode, useState } from "react";
import { type KnownKind, own } from "@tiller/schema";
import { FromProject, ItemForm, type KnownAnswer } from "../quality/item-form.tsx";

interface Item {
  readonly input?: unknown;
  readonly expected: Readonly<Record<string, unknown>>;
}

export function ItemList<T extends Item>({
  title,
  what,
  kind,
  list,
  set,
  fresh,
  children,
}: {
  title: string;
  what: string;
  kind: KnownKind;
  list: readonly T[];
  set: (list: T[]) => void;
  fresh: (item: { input: unknown; expected: Record<string, unknown> }) => T;
  children?: (item: T, change: (item: T) => void) => ReactNode;
}) {
  const [open, setOpen] = useState<number>();
  const put = (i: number, item: T) => set(list.map((x, n) => (n === i ? item : x)));
  const take = (items: readonly KnownAnswer[]) =>
    set([...list, ...items.map((k) => fresh({ input: k.input, expected: { ...k.expected } }))]);
  const begin = () => {
    set([...list, fresh({ input: {}, expected: {} })]);
    setOpen(list.length);
  };
  return (
    <fieldset className="item-list">
      <legend>
        {title} <span className="quiet small">({what})</span>
      </legend>
      {list.map((item, i) => (
        <div key={i} className="stack">
          <div className="row spread">
            <button
              type="button"
              className="button plain"
              aria-expanded={open === i}
              onClick={() => setOpen(open === i ? undefined : i)}
            >
              {i + 1}. {beginning(kind, item.input)}
            </button>
            <button
              type="button"
              className="button plain"
              aria-label={`Remove: ${title} ${i + 1}`}
              onClick={() => {
                setOpen(undefined);
                set(list.toSpliced(i, 1));
              }}
            >
              ×
            </button>
          </div>
          {open === i && (
            <>
              <ItemForm
                kind={kind}
                item={{ input: item.input, expected: item.expected }}
                change={({ input, expected }) =>
                  put(i, { ...item, input, expected: { ...expected } })
                }
              />
              {children?.(item, (next) => put(i, next))}
            </>
          )}
        </div>
      ))}
      <div className="row">
        <button type="button" className="button" onClick={begin}>
          Add an item
        </button>
        <FromProject kind={kind.name} take={take} />
      </div>
    </fieldset>
  );
}
const beginning = (kind: KnownKind, input: unknown): string => {
  const text = JSON.stringify(input ?? {});
  const [slot] = kind.slots;
  const found = slot && slot.path.split(".").reduce<unknown>(within, input);
  return (typeof found === "string" && found ? found : text === "{}" ? "new" : text).slice(0, 80);
};
const within = (x: unknown, key: string): unknown =>
  typeof x === "object" && x !== null ? own(x as Record<string, unknown>, key) : undefined;
