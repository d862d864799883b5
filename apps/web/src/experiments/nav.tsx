/** The way between the pages about experiments as a whole. */
import { Link } from "@tanstack/react-router";

export const ExperimentsNav = () => (
  <nav className="subnav" aria-label="Experiments">
    <Link
      to="/studio/experiments"
      activeOptions={{ exact: true, includeSearch: false }}
      search={{}}
    >
      List
    </Link>
    <Link to="/studio/triggers">Triggers</Link>
    <Link to="/studio/webhooks">Webhooks</Link>
    <Link to="/studio/import">Import</Link>
  </nav>
);
