/** What more labels would buy, where they are ordered: the curve so far, and twice and four times the pairs with intervals. */
import { useQuery } from "@tanstack/react-query";
import type { Project } from "@tiller/schema";
import { asking } from "../api.ts";
import { Card } from "../design/components.tsx";
import { Forecast } from "../design/label-forecast.tsx";

const WAITS_MS = 3000;

export function MoreLabels({ project: { id, answers } }: { project: Project }) {
  const query = useQuery({
    ...asking("labelForecast", { id }),
    enabled: answers > 0,
    refetchInterval: ({ state }) => (state.data?.state === "working" ? WAITS_MS : false),
  });
  const found = query.data;
  if (!found || found.state === "none") return null;
  return (
    <Card title="What more labels would buy">
      {found.state === "working" ? (
        <p role="status" className="quiet">
          Being worked out from {answers} answers…
        </p>
      ) : (
        <Forecast accuracy={found.forecast.accuracy} heldOutBy={found.forecast.heldOutBy} />
      )}
    </Card>
  );
}
