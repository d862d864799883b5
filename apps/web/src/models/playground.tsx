/** The served models side by side, streamed from the same API that everyone else uses. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { z } from "zod";
import { Card, Empty, Failed, Loaded } from "../design/components.tsx";
import { own, type ServedModel } from "@tiller/schema";
import { asking } from "../api.ts";
import { fetchAt } from "../connection.ts";

const Models = z.object({ data: z.array(z.object({ id: z.string(), checkpoint: z.string() })) });
const Chunk = z.object({
  choices: z.array(z.object({ text: z.string() })).default([]),
  error: z.object({ message: z.string() }).optional(),
});

/** As every client of OpenAI's API asks: no operation of Tiller's own. */
async function served(): Promise<z.infer<typeof Models>> {
  const r = await fetchAt("/v1/models");
  if (!r.ok) throw new Error(`the served models could not be read: HTTP ${r.status}`);
  return Models.parse(await r.json());
}

async function stream(
  model: string,
  prompt: string,
  seed: number,
  onText: (t: string) => void,
): Promise<void> {
  const r = await fetchAt("/v1/completions", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model, prompt, max_tokens: 40, temperature: 0.8, seed, stream: true }),
  });
  if (!r.ok || !r.body) throw new Error(`the model answered ${r.status}`);
  let rest = "";
  for await (const text of r.body.pipeThrough(
    new TextDecoderStream(),
  ) as unknown as AsyncIterable<string>) {
    rest += text;
    const lines = rest.split("\n");
    rest = lines.pop()!;
    for (const l of lines) {
      if (!l.startsWith("data: ") || l.includes("[DONE]")) continue;
      const chunk = Chunk.parse(JSON.parse(l.slice(6)));
      if (chunk.error) throw new Error(chunk.error.message);
      onText(chunk.choices.map((c) => c.text).join(""));
    }
  }
}

/** Versions that write and that no name stands for. */
const versionsOf = (models: readonly ServedModel[]) =>
  models.flatMap((m) =>
    m.versions
      .filter((v) => v.checkpoint.role !== "reward" && v.checkpoint.id !== m.served)
      .map((v) => ({ id: `${m.name}@${v.version}`, checkpoint: v.checkpoint.id as string })),
  );

/** Which others write beside the served ones. */
function Versions(p: {
  models: readonly ServedModel[];
  chosen: readonly string[];
  choose: (ids: readonly string[]) => void;
}) {
  const others = versionsOf(p.models);
  if (!others.length) return null;
  return (
    <fieldset className="row small">
      <legend className="quiet">Beside the served ones</legend>
      {others.map(({ id }) => (
        <label key={id} className="row" style={{ gap: 4 }}>
          <input
            type="checkbox"
            checked={p.chosen.includes(id)}
            onChange={(e) =>
              p.choose(e.target.checked ? [...p.chosen, id] : p.chosen.filter((x) => x !== id))
            }
          />
          {id}
        </label>
      ))}
    </fieldset>
  );
}

export function Playground() {
  const models = useQuery({
    queryKey: ["/v1/models"],
    queryFn: served,
    refetchInterval: 5000,
  });
  const [prompt, setPrompt] = useState(
    "The sun rose over the calm sea, and the captain came on deck.",
  );
  const [beside, setBeside] = useState<readonly string[]>([]);
  const all = useQuery(asking("listServed"));
  const shown = [
    ...(models.data?.data ?? []),
    ...versionsOf(all.data ?? []).filter((v) => beside.includes(v.id)),
  ];
  const [texts, setTexts] = useState<Record<string, string>>({});
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<Error>();
  const run = async () => {
    setBusy(true);
    setError(undefined);
    setTexts({});
    const seed = Math.floor(Math.random() * 1e6);
    try {
      for (const m of shown) {
        const add = (t: string) =>
          setTexts((old) => ({ ...old, [m.id]: (own(old, m.id) ?? "") + t }));
        await stream(m.id, prompt, seed, add);
        add("");
      }
    } catch (e) {
      setError(e as Error);
    }
    setBusy(false);
  };
  return (
    <main>
      <div className="row spread">
        <h1>Playground</h1>
        <Link className="button" to="/studio/checkpoints">
          All models
        </Link>
      </div>
      <form
        className="stack"
        onSubmit={(e) => {
          e.preventDefault();
          void run();
        }}
      >
        <label className="stack" style={{ gap: 4 }}>
          <span className="small quiet">Passage</span>
          <textarea rows={3} value={prompt} onChange={(e) => setPrompt(e.target.value)} />
        </label>
        <Versions models={all.data ?? []} chosen={beside} choose={setBeside} />
        <div>
          <button
            className="button primary"
            disabled={busy || !prompt.trim() || !models.data?.data.length}
          >
            {busy ? "Writing" : "Continue it"}
          </button>
        </div>
      </form>
      {error && <Failed error={error} retry={() => void run()} />}
      <Loaded query={models}>
        {({ data }) =>
          data.length === 0 ? (
            <Empty title="No model is served yet">
              Models appear here as the experiment makes them.
            </Empty>
          ) : (
            <div className="grid">
              {shown.map((m) => (
                <Card
                  key={m.id}
                  title={m.id}
                  aside={<span className="quiet small">{m.checkpoint.slice(0, 12)}</span>}
                >
                  <p className="read">
                    {own(texts, m.id) || (
                      <span className="quiet">
                        {own(texts, m.id) === undefined || busy
                          ? "Nothing written yet."
                          : "It ended at once."}
                      </span>
                    )}
                  </p>
                </Card>
              ))}
            </div>
          )
        }
      </Loaded>
    </main>
  );
}
