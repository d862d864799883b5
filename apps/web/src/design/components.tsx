/** The components every page is made of: functions over data, styled by the tokens. */
import { Dialog as BaseDialog } from "@base-ui/react/dialog";
import { type ReactNode, useState } from "react";
import { Term } from "./term.tsx";

export { Failed, Loaded, Loading, Missing, together, WayOn } from "./loaded.tsx";
export { Markdown } from "./markdown.tsx";
export { Term };

export const percent = (x: number | null | undefined): string =>
  x === null || x === undefined ? "–" : `${Math.round(100 * x)} %`;
export const fixed = (x: number | null | undefined, digits = 2): string =>
  x === null || x === undefined ? "–" : x.toFixed(digits);
/** A local date and time that does not depend on the browser's language tag being a valid one. */
export function when(iso: string): string {
  const d = new Date(iso);
  const two = (n: number) => String(n).padStart(2, "0");
  return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())} ${two(d.getHours())}:${two(d.getMinutes())}`;
}
export function duration(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

export const Badge = ({
  tone,
  children,
}: {
  tone?: "good" | "warn" | "bad";
  children: ReactNode;
}) => <span className={`badge ${tone ?? ""}`}>{children}</span>;
export const Kbd = ({ children }: { children: ReactNode }) => (
  <kbd aria-hidden="true">{children}</kbd>
);
export const Card = ({
  title,
  aside,
  children,
}: {
  title?: string;
  aside?: ReactNode;
  children: ReactNode;
}) => (
  <section className="card stack">
    {title && (
      <div className="row spread">
        <h2>{title}</h2>
        {aside}
      </div>
    )}
    {children}
  </section>
);
export const Meter = ({ done, total, label }: { done: number; total: number; label: string }) => (
  <div
    className="meter"
    role="progressbar"
    aria-label={label}
    aria-valuemin={0}
    aria-valuemax={100}
    aria-valuenow={Math.round((100 * done) / Math.max(1, total))}
  >
    <i style={{ width: `${Math.min(100, (100 * done) / Math.max(1, total))}%` }} />
  </div>
);
/** A figure: its name says on a click what it is, by `says` or by the glossary. */
export const Stat = (p: { name: string; value: string; note?: string; says?: string }) => (
  <div>
    <span className="quiet small">
      <Term says={p.says}>{p.name}</Term>
    </span>
    <b>{p.value}</b>
    {p.note && <span className="quiet small">{p.note}</span>}
  </div>
);
/** A 95 % interval between 0 and 1 with its estimate. */
export const Interval = ({
  low,
  at,
  high,
  bad,
}: {
  low: number | null;
  at: number | null;
  high: number | null;
  bad?: boolean;
}) =>
  low === null || high === null || at === null ? (
    <span className="quiet">too few</span>
  ) : (
    <div
      className={`interval ${bad ? "bad" : ""}`}
      role="img"
      aria-label={`${percent(at)}, 95 % interval ${percent(low)} to ${percent(high)}`}
    >
      <i style={{ left: `${100 * low}%`, width: `${100 * (high - low)}%` }} />
      <b style={{ left: `${100 * at}%` }} />
    </div>
  );
/** Stands where figures were made by programs in people's place. */
export const SimulatedNote = ({ children }: { children: ReactNode }) => (
  <p className="simulated" role="note">
    <b>Simulated.</b> {children}
  </p>
);
export const Empty = ({ title, children }: { title: string; children?: ReactNode }) => (
  <div className="notice">
    <h2>{title}</h2>
    <div className="quiet">{children}</div>
  </div>
);
export const Dialog = ({
  open,
  close,
  title,
  children,
}: {
  open: boolean;
  close: () => void;
  title: string;
  children: ReactNode;
}) => (
  <BaseDialog.Root open={open} onOpenChange={(o) => !o && close()}>
    <BaseDialog.Portal>
      <BaseDialog.Backdrop className="backdrop" />
      <BaseDialog.Popup className="dialog">
        <BaseDialog.Title render={<h2 />}>{title}</BaseDialog.Title>
        {children}
      </BaseDialog.Popup>
    </BaseDialog.Portal>
  </BaseDialog.Root>
);

/** A table that may be wider than the page: it scrolls, by the keyboard too. */
export const Scroll = ({ label, children }: { label: string; children: ReactNode }) => (
  // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- what scrolls must be reachable by keys
  <div className="scroll" tabIndex={0} role="region" aria-label={label}>
    {children}
  </div>
);

/** Light or dark: the system's until the person chooses. */
const themeNow = () =>
  localStorage.getItem("theme") ??
  (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
export const applyTheme = (): void => {
  document.documentElement.dataset["theme"] = themeNow();
};
export function ThemeButton() {
  const [theme, set] = useState(themeNow);
  const other = theme === "dark" ? "light" : "dark";
  const change = () => {
    localStorage.setItem("theme", other);
    applyTheme();
    set(other);
  };
  return (
    <button className="button plain" onClick={change} aria-label={`Use the ${other} theme`}>
      {theme === "dark" ? "Light theme" : "Dark theme"}
    </button>
  );
}

/** Why an act was refused, where it was tried; nothing while it was not. */
export const Refused = ({ error }: { error: { message: string } | null }) =>
  error && (
    <p role="alert" className="bad-text">
      {error.message}
    </p>
  );
/** The end of a dialog's form: why it was refused, the way out, and the act itself. */
export const FormEnd = (p: {
  error: { message: string } | null;
  close: () => void;
  disabled: boolean;
  children: ReactNode;
}) => (
  <>
    <Refused error={p.error} />
    <div className="actions">
      <button type="button" className="button" onClick={p.close}>
        Cancel
      </button>
      <button className="button primary" disabled={p.disabled}>
        {p.children}
      </button>
    </div>
  </>
);

/** Which rows of a long list are shown, and the way to the next ones. `size`: rows a page. */
export const Paged = (p: {
  page: number;
  size: number;
  total: number;
  turn: (page: number) => void;
}) => (
  <div className="row">
    {p.total > p.size && (
      <button className="button" disabled={p.page === 1} onClick={() => p.turn(p.page - 1)}>
        Back
      </button>
    )}
    <span className="small quiet num">
      {(p.page - 1) * p.size + 1} to {Math.min(p.total, p.page * p.size)} of {p.total}
    </span>
    {p.total > p.size && (
      <button
        className="button"
        disabled={p.page * p.size >= p.total}
        onClick={() => p.turn(p.page + 1)}
      >
        Next
      </button>
    )}
  </div>
);
