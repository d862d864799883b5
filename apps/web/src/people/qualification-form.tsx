/** A qualification's new version. Its items are forms of its kind's fields: any kind of work may be prepared for. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { z } from "zod";
import { type Project, QualificationType, type StoredQualificationType } from "@tiller/schema";
import { api, asking, keyOf } from "../api.ts";
import { Dialog, FormEnd, Missing } from "../design/components.tsx";
import type { KnownAnswer } from "../quality/item-form.tsx";
import { ItemList } from "./item-list.tsx";

const fresh: QualificationType = {
  title: "",
  kind: "",
  consent: "You compare texts. What you answer is kept. You may leave at any time.",
  training: [],
  screening: [],
  bar: 0.8,
  attempts: 1,
  probation: { gold: 10, bar: 0.6 },
  qualification: "reading",
};
type Training = QualificationType["training"][number];
type Screening = QualificationType["screening"][number];

const trained = (item: KnownAnswer): Training => ({
  input: item.input,
  expected: { ...item.expected },
  tolerance: 0,
  reason: "The work lead knows it to be so.",
});
const tested = (item: KnownAnswer): Screening => ({
  input: item.input,
  expected: { ...item.expected },
  tolerance: 0,
});
/** The rows of a project that newcomers to its work are trained or tested with. */
export interface FromRows {
  readonly use: "training" | "screening";
  readonly rows: readonly KnownAnswer[];
  readonly project: Pick<Project, "id" | "title" | "type">;
}
const NAME = "[a-z][a-z0-9\\-]{0,60}";
const nameFrom = (rows: FromRows | undefined): string =>
  rows && new RegExp(`^${NAME}$`).test(rows.project.id) ? rows.project.id : "";
const withRows = (body: QualificationType, { use, rows }: FromRows): QualificationType =>
  use === "training"
    ? { ...body, training: [...body.training, ...rows.map(trained)] }
    : { ...body, screening: [...body.screening, ...rows.map(tested)] };

export function QualificationForm({
  from,
  rows,
  close,
}: {
  from: StoredQualificationType | undefined;
  rows?: FromRows;
  close: () => void;
}) {
  const client = useQueryClient();
  const first = rows
    ? { ...fresh, title: rows.project.title.slice(0, 120), kind: rows.project.type }
    : fresh;
  const start = rows ? withRows(from?.body ?? first, rows) : (from?.body ?? first);
  const kinds = useQuery(asking("listKinds"));
  const [name, setName] = useState(from?.name ?? nameFrom(rows));
  const [body, setBody] = useState<QualificationType>(start);
  const set = (change: Partial<QualificationType>) => setBody({ ...body, ...change });
  const kind = kinds.data?.find((k) => k.name === (body.kind || kinds.data?.[0]?.name));
  const save = useMutation({
    mutationFn: () => {
      for (const [name, list] of [
        ["Training item", body.training],
        ["Test item", body.screening],
      ] as const) {
        const open = list.findIndex((item) => !Object.keys(item.expected).length);
        if (open >= 0)
          throw new Error(`${name} ${open + 1} has no right answer yet. Answer it, or remove it.`);
      }
      const whole = QualificationType.safeParse({ ...body, kind: kind?.name ?? body.kind });
      if (!whole.success)
        throw new Error(
          whole.error.issues.map((i) => `${i.path.join(".")}: ${i.message}`).join("; "),
        );
      return api.saveQualificationType({ body: { name, body: whole.data } });
    },
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: keyOf("listQualificationTypes") });
      close();
    },
  });
  const number = (
    label: string,
    value: number,
    o: { min: number; max: number; step?: number; put: (n: number) => void },
  ) => (
    <label>
      {label}
      <input
        type="number"
        required
        min={o.min}
        max={o.max}
        step={o.step ?? 1}
        value={value}
        onChange={(e) => o.put(Number(e.target.value))}
      />
    </label>
  );
  return (
    <Dialog
      open
      close={close}
      title={from ? `${from.name}, version ${from.version + 1}` : "New qualification"}
    >
      <form
        className="form"
        onSubmit={(e) => {
          e.preventDefault();
          save.mutate();
        }}
      >
        <p className="quiet small">
          Newcomers go through it from now on. Whoever is on the way finishes the version they
          began.
        </p>
        <div className="pair-fields">
          <label>
            Name, lower-case words with hyphens
            <input
              required
              pattern={NAME}
              disabled={from !== undefined}
              value={name}
              onChange={(e) => setName(e.target.value)}
            />
          </label>
          <label>
            Title, as newcomers read it
            <input
              required
              maxLength={120}
              value={body.title}
              onChange={(e) => set({ title: e.target.value })}
            />
          </label>
          <label>
            Kind of work
            <select
              value={kind?.name ?? ""}
              onChange={(e) => set({ kind: e.target.value, training: [], screening: [] })}
            >
              {kinds.data?.map((k) => (
                <option key={k.name} value={k.name}>
                  {k.title} ({k.name})
                </option>
              ))}
            </select>
          </label>
          <label>
            Qualification it gives
            <input
              required
              value={body.qualification}
              onChange={(e) => set({ qualification: e.target.value })}
            />
          </label>
        </div>
        <label>
          Consent, in Markdown
          <textarea
            required
            rows={4}
            value={body.consent}
            onChange={(e) => set({ consent: e.target.value })}
          />
        </label>
        {kind ? (
          <>
            <ItemList<Training>
              title="Training items"
              what="each is shown with its answer and the reason"
              kind={kind}
              list={body.training}
              set={(training) => set({ training })}
              fresh={trained}
            >
              {(item, change) => (
                <label>
                  Why, as newcomers read it
                  <input
                    required
                    value={item.reason}
                    onChange={(e) => change({ ...item, reason: e.target.value })}
                  />
                </label>
              )}
            </ItemList>
            <ItemList<Screening>
              title="Test items"
              what="none: there is no test"
              kind={kind}
              list={body.screening}
              set={(screening) => set({ screening })}
              fresh={tested}
            />
          </>
        ) : (
          <Missing query={kinds} />
        )}
        <div className="pair-fields">
          {number("Right in the test, per cent", Math.round(100 * body.bar), {
            min: 0,
            max: 100,
            put: (n) => set({ bar: n / 100 }),
          })}
          {number("Attempts", body.attempts, {
            min: 1,
            max: 10,
            put: (attempts) => set({ attempts }),
          })}
          {number("Known answers of the probation", body.probation.gold, {
            min: 1,
            max: 200,
            put: (gold) => set({ probation: { ...body.probation, gold } }),
          })}
          {number("Paused when surely below, per cent", Math.round(100 * body.probation.bar), {
            min: 0,
            max: 100,
            put: (n) => set({ probation: { ...body.probation, bar: n / 100 } }),
          })}
        </div>
        <FormEnd
          error={
            save.error instanceof z.ZodError ? { message: z.prettifyError(save.error) } : save.error
          }
          close={close}
          disabled={save.isPending}
        >
          Save and use
        </FormEnd>
      </form>
    </Dialog>
  );
}
