/** People: who they are and how they sign in. Tokens are stored as hashes only. */
import { createHash, randomBytes } from "node:crypto";
import { z } from "zod";
import { Me, type PersonId, type Role } from "@tiller/schema";
import type { Db } from "./sql.ts";
import { sql } from "./sql.ts";

const hash = (token: string) => createHash("sha256").update(token).digest("hex");
const columns = sql`p.id, p.name, p.pseudonym, p.role`;

/** Makes the person once; later calls change nothing. */
export async function ensurePerson(
  db: Db,
  p: { id: string; name: string; pseudonym: string; role: Role; simulated?: boolean },
): Promise<Me> {
  await db.run(
    sql`insert into person (id, name, pseudonym, role, simulated) values (${p.id}, ${p.name}, ${p.pseudonym}, ${p.role}, ${p.simulated ?? false}) on conflict (id) do nothing`,
  );
  return db.one(sql`select ${columns} from person p where p.id = ${p.id}`, Me);
}

/** A new secret of the person: a sign-in link's token, a browser session, or an API key. */
export async function issueToken(
  db: Db,
  person: PersonId,
  kind: "link" | "session" | "key",
): Promise<string> {
  const token = `${kind === "key" ? "sk-tiller-" : ""}${randomBytes(24).toString("base64url")}`;
  await db.run(
    sql`insert into token (hash, person, kind) values (${hash(token)}, ${person}, ${kind})`,
  );
  return token;
}

export const personOfToken = (
  db: Db,
  token: string,
  kinds: readonly ("link" | "session" | "key")[],
): Promise<Me | undefined> =>
  db.maybe(
    sql`select ${columns} from token t join person p on p.id = t.person where t.hash = ${hash(token)} and t.kind = any(${kinds}) and t.revoked_at is null`,
    Me,
  );

export const revokeToken = (db: Db, token: string): Promise<number> =>
  db.run(sql`update token set revoked_at = now() where hash = ${hash(token)}`);

export const raterProfiles = (db: Db) =>
  db.many(
    sql`select id, pseudonym, simulated from person where role = 'rater' order by pseudonym`,
    z.strictObject({ id: z.string(), pseudonym: z.string(), simulated: z.boolean() }),
  );
