/** The way between the people pages. */
import { Link } from "@tanstack/react-router";
import "../control/control.css";

export const PeopleNav = () => (
  <nav className="subnav" aria-label="People">
    <Link to="/people" activeOptions={{ exact: true }}>
      Roster
    </Link>
    <Link to="/people/pay">Pay</Link>
    <Link to="/people/audit">Audit log</Link>
  </nav>
);
