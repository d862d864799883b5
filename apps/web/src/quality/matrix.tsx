/** Everyone with everyone: the fraction of shared tasks on which two people agreed. A cell opens what they disagreed on. */
import { type QualityReport, wilson } from "@tiller/schema";
import { Scroll } from "../design/components.tsx";

export function Matrix({
  r,
  open,
}: {
  r: QualityReport;
  open: (first: string, second: string) => void;
}) {
  const known = new Set(r.matrix.flatMap((c) => [c.first as string, c.second]));
  const people = r.people.filter((p) => known.has(p.person));
  const cell = new Map(
    r.matrix.flatMap(
      (c) =>
        [
          [`${c.first} ${c.second}`, c],
          [`${c.second} ${c.first}`, c],
        ] as const,
    ),
  );
  if (people.length < 2)
    return <p className="quiet">No two people have answered the same task yet.</p>;
  const middle = r.raters.raw.at ?? 0.5;
  return (
    <Scroll label="Who agrees with whom">
      <table className="matrix">
        <thead>
          <tr>
            <th scope="col">with</th>
            {people.map((p) => (
              <th key={p.person} scope="col">
                <span>{p.pseudonym}</span>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {people.map((row) => (
            <tr key={row.person}>
              <th scope="row">
                {row.pseudonym}
                {row.role !== "rater" && " *"}
              </th>
              {people.map((column) => {
                const c = cell.get(`${row.person} ${column.person}`);
                if (!c || row === column)
                  return (
                    <td key={column.person} aria-label="no shared tasks">
                      <div className="none" />
                    </td>
                  );
                const fraction = c.agreed / c.n;
                const { low, high } = wilson(c.agreed, c.n);
                const words = `${row.pseudonym} and ${column.pseudonym}: ${Math.round(100 * fraction)} % of ${c.n} tasks, 95 % interval ${Math.round(100 * low)} to ${Math.round(100 * high)}`;
                // colour only where the interval leaves the group's middle: the rest is chance
                const strength =
                  high < middle || low > middle
                    ? Math.min(70, 20 + 200 * Math.abs(fraction - middle))
                    : 8;
                return (
                  <td key={column.person}>
                    <button
                      className={high < middle ? "low" : ""}
                      style={{ "--strength": `${strength}%` } as React.CSSProperties}
                      title={words}
                      aria-label={`${words}. Show the disagreements.`}
                      onClick={() => open(row.person, column.person)}
                    >
                      {Math.round(100 * fraction)}
                    </button>
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
      <p className="quiet small">
        * researcher. Coloured where the interval lies wholly above or below the raters'{" "}
        {Math.round(100 * middle)} %.
      </p>
    </Scroll>
  );
}
