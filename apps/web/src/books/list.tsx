/** Trees of summaries on this server: how far each is. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { asking } from "../api.ts";
import { Badge, Empty, Loaded, Meter, when } from "../design/components.tsx";
import "./books.css";

const EVERY_MS = 5000;
const tones = { growing: undefined, whole: "good", stopped: "warn" } as const;

export function BooksPage() {
  const trees = useQuery({ ...asking("listTrees"), refetchInterval: EVERY_MS });
  return (
    <main className="books">
      <h1>Books</h1>
      <p className="quiet">
        Trees of summaries that people and a policy write together: a sentence of any summary leads
        down to the book.
      </p>
      <Loaded query={trees}>
        {(all) =>
          all.length === 0 ? (
            <Empty title="No book so far">
              Begin one: <code>tiller book start BOOK.txt --model NAME --people 0.3</code>
            </Empty>
          ) : (
            <ul className="book-list">
              {all.map((t) => (
                <li key={t.tree} className="card stack tight">
                  <div className="row spread">
                    <Link to="/books/$id" params={{ id: t.tree }}>
                      {t.name}
                    </Link>
                    <Badge tone={tones[t.state]}>{t.state}</Badge>
                  </div>
                  <Meter done={t.written} total={t.nodes} label={`${t.name}: nodes written`} />
                  <p className="quiet small num">
                    {t.written} of {t.nodes} summaries · version {t.version} · {when(t.madeAt)}
                    {t.why && ` · ${t.why}`}
                  </p>
                </li>
              ))}
            </ul>
          )
        }
      </Loaded>
    </main>
  );
}
