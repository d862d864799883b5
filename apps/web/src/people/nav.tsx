/** The way between the people pages. */
import { Link } from "@tanstack/react-router";
import type { Me } from "@tiller/schema";
import "../control/control.css";

export const PeopleNav = ({ me }: { me: Me }) => (
  <nav className="subnav" aria-label="People">
    <Link to="/people" activeOptions={{ exact: true }}>
      Roster
    </Link>
    <Link to="/people/work">Who gets what</Link>
    <Link to="/people/joining">Joining</Link>
    {me.role !== "researcher" && <Link to="/people/pay">Pay</Link>}
    {me.role !== "researcher" && <Link to="/people/audit">Audit log</Link>}
  </nav>
);
