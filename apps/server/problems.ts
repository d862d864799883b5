/** Every error as an answer: whose mistake it was, what to do, and nothing of ours beside it. */
import type { Context } from "hono";
import { HTTPException } from "hono/http-exception";
import { z } from "zod";
import { own, TillerError } from "@tiller/schema";
import { isLost } from "@tiller/store";
import { isOpenai, openaiError } from "./openai-error.ts";

const statusOf: Readonly<Record<string, Status>> = {
  not_found: 404,
  left_out: 404,
  left_seat: 410,
  consent_first: 403,
  other_terms: 409,
  saw_too_much: 409,
  sits_there: 403,
  refused_move: 409,
  not_over: 409,
  not_allowed: 403,
  invitation_closed: 410,
  changed: 409,
  unknown_lease: 409,
  lease_expired: 410,
  too_late: 409,
  workflows_away: 503,
  workflows_lost: 503,
  too_large: 413,
  too_slow: 408,
  too_many: 429,
  busy: 503,
  disk_full: 507,
  wrong_reply: 500, // ours: operate.ts
  unreadable_row: 500, // ours, or a newer version's
};
type Status = 400 | 401 | 403 | 404 | 408 | 409 | 410 | 413 | 415 | 422 | 429 | 500 | 503 | 507;
type Problem = { status: Status; code: string; message: string };

const FULL: Problem = {
  status: 507,
  code: "disk_full",
  message: "The server's disk is full; nothing was kept. Free space, then try again.",
};

/** The value and the table of "Key (experiment)=(none) is not present in table "experiment"". */
const MISSING = /^Key \((.*?)\)=\((.*)\) is not present in table "(.*)"\.$/s;
const shortened = (s: string) => (s.length > 80 ? `${s.slice(0, 80)}…` : s);

/**
 * What the database refused. Most of it is a value that a request brought: an id of nothing, a number too large, a text
 * too long for an index.
 */
function databaseProblem(e: {
  code: string;
  message: string;
  detail?: string;
}): Problem | undefined {
  const { code, message, detail = "" } = e;
  if (code === "23503") {
    const [, , value = "", table = ""] = MISSING.exec(detail) ?? [];
    return table
      ? {
          status: 404,
          code: "not_found",
          message: `There is no ${table.replaceAll("_", " ")} ${shortened(value)}. Check the id.`,
        }
      : {
          status: 409,
          code: "in_use",
          message: "Something else refers to it, so it stays. End that first.",
        };
  }
  if (code === "23505")
    return {
      status: 409,
      code: "exists",
      message: "The same exists already. Reload, and change that one.",
    };
  if (code === "22021" || code === "22P05")
    return {
      status: 400,
      code: "unstorable_text",
      message:
        "A text has a NUL character or half of a surrogate pair, which the database does not keep. Take it out.",
    };
  if (/^22|^23/.test(code))
    return {
      status: 400,
      code: "bad_value",
      message: `A value cannot be kept: ${shortened(message)}. Correct it and send it again.`,
    };
  if (code === "54000" || code === "54001")
    return {
      status: 400,
      code: "too_large",
      message: `A value is too long or too deep to be kept: ${shortened(message)}. Shorten it.`,
    };
  if (code === "53100") return FULL;
  if (/^(53|40|57014|55P03)/.test(code))
    return {
      status: 503,
      code: "busy",
      message: "The database is busy. Nothing was kept; try again in a moment.",
    };
  return undefined;
}

const codeOf = (e: unknown): string => {
  const { code } = (e ?? {}) as { code?: unknown };
  return typeof code === "string" ? code : "";
};

function problemOf(e: unknown, c: Context): Problem {
  if (e instanceof z.ZodError)
    return {
      status: 400,
      code: "bad_request",
      message: e.issues.map((i) => `${i.path.join(".") || "body"}: ${i.message}`).join("; "),
    };
  if (e instanceof SyntaxError && c.req.method !== "GET")
    return { status: 400, code: "bad_request", message: `The body is not JSON: ${e.message}.` };
  if (e instanceof TillerError && e.code === "unreadable_row") console.error(e);
  if (e instanceof TillerError)
    return { status: own(statusOf, e.code) ?? 400, code: e.code, message: e.message };
  const code = codeOf(e);
  if (isLost(e)) {
    console.error(`${c.req.method} ${c.req.path}: the database was away: ${(e as Error).message}`);
    return {
      status: 503,
      code: "database_away",
      message: "The database was away for a moment. Nothing is lost; try again.",
    };
  }
  if (code === "ENOSPC" || code === "EDQUOT") return FULL;
  const known = /^[0-9A-Z]{5}$/.test(code)
    ? databaseProblem(e as { code: string; message: string })
    : undefined;
  if (known) console.error(`${c.req.method} ${c.req.path}: ${code}: ${(e as Error).message}`);
  else console.error(e);
  return (
    known ?? {
      status: 500,
      code: "internal",
      message: "Something went wrong on our side. Try again; the server's log has the details.",
    }
  );
}

/** A problem in the words of the API that was asked. */
export function say(c: Context, status: Status, code: string, message: string): Response {
  if (status === 503) c.header("retry-after", "1");
  const openai = isOpenai(c.req.path);
  return c.json(openai ? openaiError(status, code, message) : { code, message }, status);
}

export function answerTo(e: unknown, c: Context): Response {
  if (e instanceof HTTPException) return e.getResponse();
  const { status, code, message } = problemOf(e, c);
  return say(c, status, code, message);
}
