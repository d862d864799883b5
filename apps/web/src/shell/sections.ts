/**
 * The ways between the pages: a section's word stands in the header, its pages one level down. What somebody may not see
 * is not offered, and a page's title says where it is by the same table.
 */
import type { Role } from "@tiller/schema";

interface Listed {
  readonly name: string;
  readonly to: string;
  /** who may see it, where not all who see its section may */
  readonly roles?: readonly Role[];
  /** other addresses that belong to it */
  readonly also?: readonly string[];
}
export interface Section {
  readonly name: string;
  /** the first is where the section's own word leads */
  readonly pages: readonly [Listed, ...Listed[]];
}

const experiments = {
  name: "Experiments",
  pages: [
    {
      name: "All experiments",
      to: "/studio/experiments",
      also: ["/studio/start", "/studio/compare"],
    },
    { name: "Datasets", to: "/studio/datasets" },
    { name: "Models", to: "/studio/checkpoints" },
    { name: "Playground", to: "/playground" },
    { name: "Triggers", to: "/studio/triggers" },
    { name: "Webhooks and mail", to: "/studio/webhooks" },
    { name: "Import", to: "/studio/import" },
  ],
} as const satisfies Section;
const projects = {
  name: "Projects",
  pages: [
    { name: "All projects", to: "/projects" },
    { name: "Books", to: "/books" },
    { name: "Kinds of work", to: "/studio/tasks" },
  ],
} as const satisfies Section;
const control = {
  name: "Control",
  pages: [
    { name: "Control room", to: "/control" },
    { name: "Delegation", to: "/delegation" },
    { name: "Rooms", to: "/control/rooms" },
  ],
} as const satisfies Section;
const people = {
  name: "People",
  pages: [
    { name: "Roster", to: "/people" },
    { name: "Who gets what", to: "/people/work" },
    { name: "Joining", to: "/people/joining" },
    { name: "Pay", to: "/people/pay", roles: ["lead", "admin"] },
    { name: "Audit log", to: "/people/audit", roles: ["lead", "admin"] },
  ],
} as const satisfies Section;
const quality = {
  name: "Quality",
  pages: [
    { name: "Overview", to: "/quality", also: ["/quality/raters"] },
    { name: "Disagreements", to: "/quality/disagreements" },
    { name: "Gold", to: "/quality/gold" },
    { name: "Threads", to: "/quality/threads" },
  ],
} as const satisfies Section;
const inbox = {
  name: "Inbox",
  pages: [
    { name: "From the desk", to: "/desk/inbox" },
    { name: "Desk", to: "/desk" },
    { name: "My work", to: "/desk/me" },
    { name: "Feedback", to: "/feedback" },
    { name: "My rooms", to: "/rooms" },
  ],
} as const satisfies Section;

/** The header of each role, six words at most. */
const headers: Readonly<Record<Role, readonly Section[]>> = {
  rater: [
    { name: "Desk", pages: [{ name: "Desk", to: "/desk", also: ["/joining"] }] },
    { name: "My work", pages: [{ name: "My work", to: "/desk/me" }] },
    { name: "Feedback", pages: [{ name: "Feedback", to: "/feedback" }] },
    { name: "Rooms", pages: [{ name: "Rooms", to: "/rooms" }] },
  ],
  lead: [projects, control, people, quality, inbox, experiments],
  researcher: [experiments, projects, quality, control, people, inbox],
  admin: [people, projects, control, quality, inbox, experiments],
  service: [],
};
/** Open to everybody who is signed in, under no section. */
const elsewhere = ["/account", "/joining"];

const allowed = (p: Listed, role: Role) => p.roles?.includes(role) ?? true;

/** What the header offers somebody of this role. */
export const sectionsFor = (role: Role): readonly Section[] =>
  headers[role].map((s) => {
    const [first, ...rest] = s.pages;
    return { ...s, pages: [first, ...rest.filter((p) => allowed(p, role))] };
  });

const within = (path: string, start: string) => path === start || path.startsWith(`${start}/`);
const length = (p: Listed, path: string) =>
  Math.max(0, ...[p.to, ...(p.also ?? [])].filter((at) => within(path, at)).map((at) => at.length));

/** The section and the page of an address: the one whose address is the longest beginning of it. */
export function placeOf(
  path: string,
  sections: readonly Section[],
): { section: Section; page: Listed } | undefined {
  const found = sections
    .flatMap((section) => section.pages.map((page) => ({ section, page, n: length(page, path) })))
    .filter((x) => x.n > 0);
  return found.toSorted((a, b) => b.n - a.n)[0];
}

const everywhere = Object.values(headers).flat();
/** The page that lists what an address is one of, whoever asks. */
export function listOf(path: string): { name: string; to: string } | undefined {
  const page = placeOf(path, everywhere)?.page;
  return page?.to === path ? undefined : page;
}

/** Whether the pages of this address are for others: not what is nowhere, which has a page of its own. */
export function isForOthers(path: string, role: Role): boolean {
  if (elsewhere.some((at) => within(path, at))) return false;
  const theirs = placeOf(path, everywhere);
  const own = placeOf(path, sectionsFor(role));
  return theirs !== undefined && own?.page.to !== theirs.page.to;
}

/** `What - where - Tiller`, so that tabs can be told apart; `as`: the person, where several are signed in. */
export function titleOf(o: {
  heading: string | undefined;
  path: string;
  role: Role;
  as?: string | undefined;
}): string {
  const place = placeOf(o.path, sectionsFor(o.role));
  const listed = place && (o.path === place.page.to || place.page === place.section.pages[0]);
  const where = o.path.endsWith("/trace")
    ? "Trace"
    : listed
      ? place.section.name
      : place?.page.name;
  const what = o.heading || place?.page.name;
  const parts = [what, where === what ? undefined : where, o.as, "Tiller"];
  return parts.filter((p) => p !== undefined).join(" - ");
}
