/** Accounts: invitations, sessions, the audit log, as they cross HTTP and the database. */
import { z } from "zod";
import { PersonId } from "./ids.ts";
import { Role } from "./work.ts";

const Handle = z
  .string()
  .trim()
  .toLowerCase()
  .regex(/^[a-z0-9][a-z0-9._@+-]{2,79}$/, "3 to 80 letters, digits and . _ @ + -");
const Password = z.string().min(12, "at least 12 characters").max(200);

/** POST /api/sign-in */
export const SignIn = z.strictObject({
  handle: z.string().min(1).max(200),
  password: z.string().min(1).max(1000),
});
/** POST /api/account/password. `current` is needed where there is a password already. */
export const SetPassword = z.strictObject({
  handle: Handle,
  password: Password,
  current: z.string().max(1000).optional(),
});

/** Somebody whose session this browser holds. */
export const SignedInHere = z.strictObject({
  name: z.string(),
  pseudonym: z.string(),
  role: Role,
  path: z.string().describe("what their addresses begin with: nothing, or /as/PSEUDONYM"),
});
export type SignedInHere = z.infer<typeof SignedInHere>;

/** POST /api/people/invitations */
export const Invite = z.strictObject({
  role: Role,
  groups: z.array(z.string().trim().min(1).max(60)).max(20).default([]),
  languages: z.array(z.string().trim().min(2).max(20)).max(20).default([]),
  note: z.string().trim().max(300).default(""),
  days: z.number().int().min(1).max(60).default(7).describe("until it expires"),
});
export type Invite = z.infer<typeof Invite>;

export const Invitation = z.strictObject({
  id: z.string(),
  role: Role,
  groups: z.array(z.string()),
  languages: z.array(z.string()),
  note: z.string(),
  createdBy: z.string().describe("pseudonym"),
  createdAt: z.iso.datetime(),
  expiresAt: z.iso.datetime(),
  state: z.enum(["open", "used", "expired", "revoked"]),
  usedBy: z.string().nullable().describe("pseudonym"),
});
export type Invitation = z.infer<typeof Invitation>;

/** What the invited person sees before joining: GET /api/join/:token */
export const Welcome = z.strictObject({
  role: Role,
  groups: z.array(z.string()),
  languages: z.array(z.string()),
  expiresAt: z.iso.datetime(),
});
export type Welcome = z.infer<typeof Welcome>;
/** POST /api/join/:token */
export const Join = z.strictObject({
  name: z.string().trim().min(1).max(120),
  languages: z.array(z.string().trim().min(2).max(20)).max(20).optional(),
  handle: Handle.optional(),
  password: Password.optional(),
});
export type Join = z.infer<typeof Join>;

export const Session = z.strictObject({
  id: z.string(),
  kind: z.enum(["link", "session", "key"]),
  agent: z.string(),
  createdAt: z.iso.datetime(),
  seenAt: z.iso.datetime(),
  expiresAt: z.iso.datetime().nullable(),
  current: z.boolean(),
  madeBy: z
    .string()
    .nullable()
    .describe("pseudonym of who made this link, or the link of this session, for its owner"),
});
export type Session = z.infer<typeof Session>;

/** One administrative act. `actor` is a pseudonym; null: the program itself. */
export const AuditEntry = z.strictObject({
  seq: z.number(),
  at: z.iso.datetime(),
  actor: z.string().nullable(),
  action: z.string(),
  target: z.string(),
  before: z.unknown(),
  after: z.unknown(),
});
export type AuditEntry = z.infer<typeof AuditEntry>;

/** GET /api/people/audit?... */
export const AuditFilter = z.strictObject({
  actor: z.string().optional().describe("pseudonym"),
  action: z.string().optional().describe("a part of its name"),
  target: z.string().optional().describe("a part of it"),
  from: z.iso.datetime().optional(),
  to: z.iso.datetime().optional(),
  before: z.coerce.number().optional(),
  limit: z.coerce.number().int().min(1).max(5000).default(100),
});
export type AuditFilter = z.infer<typeof AuditFilter>;

/** POST /api/people/:id changes what is named. */
export const PersonChange = z.strictObject({
  role: Role.optional(),
  paid: z.boolean().optional(),
  disabled: z.boolean().optional().describe("may not sign in"),
});
export type PersonChange = z.infer<typeof PersonChange>;

/** A person as the roster shows them. `name` only for admins. */
export const RosterPerson = z.strictObject({
  id: PersonId,
  name: z.string().nullable(),
  pseudonym: z.string(),
  role: Role,
  simulated: z.boolean(),
  paid: z.boolean(),
  disabled: z.boolean(),
  createdAt: z.iso.datetime(),
  seenAt: z.iso.datetime().nullable(),
});
export type RosterPerson = z.infer<typeof RosterPerson>;
