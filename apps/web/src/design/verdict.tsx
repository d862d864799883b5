/** The verdict on a rater's quality, the same badge wherever there is one. */
import type { Verdict } from "@tiller/schema";
import { Badge } from "./components.tsx";

const tones = { careless: "bad", watch: "warn", ok: "good", new: undefined } as const;

/** null: of numbers there is none. */
export const VerdictBadge = ({ of }: { of: Verdict | null }) =>
  of && <Badge tone={tones[of]}>{of}</Badge>;
