/** The ready-made protocols to choose from: what each is for, who sits in it, how long it may be, and its rounds as a picture. */
import { useMemo, useSyncExternalStore } from "react";
import { boundOf, check } from "@tiller/room/check.ts";
import { shortest, svg } from "@tiller/room/graph.ts";
import { protocols } from "@tiller/room/protocols/index.ts";
import type { Rules } from "@tiller/room/rules.ts";

export { boundOf };
/** Enough to meet every round; `tiller room check` looks further. */
const STATES = 250;

export function ChooseProtocol({ name, choose }: { name: string; choose: (name: string) => void }) {
  const rules = protocols.get(name)!;
  return (
    <div className="protocols">
      <fieldset className="protocol-list">
        <legend className="sr">Protocol</legend>
        {[...protocols.values()].map((r) => (
          <label key={r.name} className={r.name === name ? "chosen" : ""}>
            <input
              type="radio"
              name="protocol"
              checked={r.name === name}
              onChange={() => choose(r.name)}
            />
            <span className="protocol-name">{r.name}</span>
            <span className="quiet small">{r.about}</span>
          </label>
        ))}
      </fieldset>
      <About key={name} rules={rules} />
    </div>
  );
}

const kinds = [
  ["debater", "debater", "debaters"],
  ["judge", "judge", "judges"],
  ["witness", "witness", "witnesses"],
  ["oracle", "oracle", "oracles"],
  ["chance", "lot, drawn by the room", "lots, drawn by the room"],
] as const;
function About({ rules }: { rules: Rules }) {
  const checked = useMemo(() => check(rules, { states: STATES }), [rules]);
  const theme = useTheme();
  const picture = `data:image/svg+xml,${encodeURIComponent(svg(rules, checked, theme))}`;
  const roles = Object.values(rules.seats).map((s) => s.role);
  const who = kinds.flatMap(([role, one, many]) => {
    const n = roles.filter((r) => r === role).length;
    return n === 0 ? [] : [`${n} ${n === 1 ? one : many}`];
  });
  const [least, most] = [shortest(rules, checked), boundOf(rules)];
  return (
    <div className="protocol-about">
      <p>
        <b>{who.join(", ")}.</b> {least === most ? `${most} rounds` : `${least} to ${most} rounds`}.{" "}
        <span className="quiet small">{rules.source}.</span>
      </p>
      <img src={picture} alt={`The rounds of ${rules.name}, and what follows on which`} />
    </div>
  );
}

/** Light or dark as the page is, also when it is switched. */
function useTheme(): "light" | "dark" {
  const theme = useSyncExternalStore(
    (changed) => {
      const seen = new MutationObserver(changed);
      seen.observe(document.documentElement, { attributeFilter: ["data-theme"] });
      return () => seen.disconnect();
    },
    () => document.documentElement.dataset["theme"],
  );
  return theme === "dark" ? "dark" : "light";
}
