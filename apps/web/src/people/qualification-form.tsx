/** A qualification's new version. Items are JSON, as gold is: any kind of work may be prepared for. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { z } from "zod";
import { QualificationType, type StoredQualificationType } from "@tiller/schema";
import { api, keyOf } from "../api.ts";
import { Dialog, FormEnd } from "../design/components.tsx";

const example = [
  {
    input: {
      passage: "The sea was calm.",
      a: { text: " The men sang.", sample: "1" },
      b: { text: " The men wept.", sample: "2" },
    },
    expected: { choice: "a" },
    reason: "Singing is the more hopeful.",
  },
];
const fresh: QualificationType = {
  title: "",
  kind: "comparison",
  consent: "You compare texts. What you answer is kept. You may leave at any time.",
  training: example,
  screening: [],
  bar: 0.8,
  attempts: 1,
  probation: { gold: 10, bar: 0.6 },
  qualification: "reading",
} as unknown as QualificationType;
const text = (items: unknown) => JSON.stringify(items, null, 2);
const items = (name: string, json: string): unknown => {
  try {
    return JSON.parse(json);
  } catch (e) {
    throw new Error(`${name} are no JSON: ${(e as Error).message}`);
  }
};

export function QualificationForm({
  from,
  close,
}: {
  from: StoredQualificationType | undefined;
  close: () => void;
}) {
  const client = useQueryClient();
  const start = from?.body ?? fresh;
  const [name, setName] = useState(from?.name ?? "");
  const [body, setBody] = useState<QualificationType>(start);
  const [training, setTraining] = useState(text(start.training));
  const [screening, setScreening] = useState(text(start.screening));
  const set = (change: Partial<QualificationType>) => setBody({ ...body, ...change });
  const save = useMutation({
    mutationFn: () => {
      const whole = QualificationType.safeParse({
        ...body,
        training: items("Training items", training),
        screening: items("Test items", screening),
      });
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
              pattern="[a-z][a-z0-9\-]{0,60}"
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
            <input required value={body.kind} onChange={(e) => set({ kind: e.target.value })} />
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
        <label>
          Training items: input, what is expected, the reason
          <textarea
            className="json"
            rows={6}
            value={training}
            spellCheck={false}
            onChange={(e) => setTraining(e.target.value)}
          />
        </label>
        <label>
          Test items: input and what is expected; [] for no test
          <textarea
            className="json"
            rows={4}
            value={screening}
            spellCheck={false}
            onChange={(e) => setScreening(e.target.value)}
          />
        </label>
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
