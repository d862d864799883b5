/** The header of every page: one row at any width, and the pages of the section one level down. */
import { Popover } from "@base-ui/react/popover";
import { Link, useLocation } from "@tanstack/react-router";
import { type ReactNode, useState } from "react";
import type { Me } from "@tiller/schema";
import { Account } from "./account.tsx";
import { Count } from "./notices.tsx";
import { placeOf, type Section, sectionsFor } from "./sections.ts";
import "./shell.css";

export function Header({ me }: { me: Me }) {
  const { pathname } = useLocation();
  const sections = sectionsFor(me.role);
  const place = placeOf(pathname, sections);
  const current = (name: string) => (place?.section.name === name ? "active" : "");
  const pages = place?.section.pages ?? [];
  return (
    <>
      <header className={`bar ${sections.length > 3 ? "many" : ""}`}>
        <Link to="/" className="mark">
          Tiller
        </Link>
        <nav aria-label="Main">
          {sections.map((s) => (
            <Link key={s.name} to={s.pages[0].to} className={current(s.name)} activeProps={none}>
              {s.name} <Count of={s.pages.map((p) => p.to)} />
            </Link>
          ))}
        </nav>
        <Menu
          label={place?.section.name ?? "Menu"}
          waiting={<Count of={sections.flatMap((s) => s.pages.map((p) => p.to))} />}
        >
          {(close) => <AllPages sections={sections} path={pathname} close={close} />}
        </Menu>
        <Account me={me} />
      </header>
      {pages.length > 1 && (
        <nav className="subnav" aria-label={place!.section.name}>
          {pages.map((p) => (
            <Link
              key={p.to}
              to={p.to}
              className={p === place!.page ? "active" : ""}
              activeProps={none}
              aria-current={p === place!.page ? "page" : undefined}
            >
              {p.name} <Count of={[p.to]} />
            </Link>
          ))}
        </nav>
      )}
    </>
  );
}

/** The table of sections says where one is, not the beginning of an address. */
const none = { className: "", "aria-current": undefined } as const;

/** In place of the sections where they have no room. */
function Menu({
  label,
  waiting,
  children,
}: {
  label: string;
  waiting: ReactNode;
  children: (close: () => void) => ReactNode;
}) {
  const [open, setOpen] = useState(false);
  return (
    <Popover.Root open={open} onOpenChange={setOpen}>
      <Popover.Trigger className="button all-pages">
        <span aria-hidden="true">☰</span> {label} {waiting}
        <span className="sr">all pages</span>
      </Popover.Trigger>
      <Popover.Portal>
        <Popover.Positioner sideOffset={6} align="start" className="over">
          <Popover.Popup className="menu" aria-label="All pages">
            {children(() => setOpen(false))}
          </Popover.Popup>
        </Popover.Positioner>
      </Popover.Portal>
    </Popover.Root>
  );
}
const AllPages = (p: { sections: readonly Section[]; path: string; close: () => void }) => (
  <nav aria-label="All pages" className="pages">
    {p.sections.map((s) => (
      <div key={s.name}>
        <b className="quiet small">{s.name}</b>
        {s.pages.map((page) => (
          <Link
            key={page.to}
            to={page.to}
            onClick={p.close}
            aria-current={p.path === page.to ? "page" : undefined}
          >
            {page.name} <Count of={[page.to]} />
          </Link>
        ))}
      </div>
    ))}
  </nav>
);
