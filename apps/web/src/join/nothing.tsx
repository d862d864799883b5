/** The desk without a task: why, and where to go when there is an introduction to go through. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { asking } from "../api.ts";
import { Empty } from "../design/components.tsx";

export function NothingHere({ why }: { why: string }) {
  const at = useQuery(asking("ownJoining"));
  const step = at.data?.step;
  if (step === "consent" || step === "training" || step === "screening")
    return (
      <Empty title="Welcome">
        <p>{why}</p>
        <Link to="/joining" className="button primary">
          {step === "consent" ? "Begin" : "Go on with the introduction"}
        </Link>
      </Empty>
    );
  return (
    <Empty title={why.startsWith("All caught up") ? "All caught up" : "No work for you now"}>
      <p>{why.replace(/^All caught up: t/, "T")}</p>
      <p>New tasks appear here by themselves.</p>
    </Empty>
  );
}
