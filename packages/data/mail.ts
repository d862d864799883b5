/**
 * Mail to those who run the work, by the same outbox as webhooks: a webhook whose URL is mailto: is delivered by an SMTP
 * server. What is due at once for one address is one mail. Off unless an SMTP server is named.
 */
import { createTransport } from "nodemailer";
import { z } from "zod";
import { own, TillerError } from "@tiller/schema";
import type { Attempt, Claimed } from "./webhooks.ts";

const TIMEOUT_MS = 20_000;
/** SMTP's own word for a mail that was taken, which is in the range of HTTP's too. */
const TAKEN = 250;

export interface Mailer extends AsyncDisposable {
  readonly from: string;
  /** One mail about all of these, which go to one address. */
  send(due: readonly Claimed[]): Promise<Attempt>;
}

export const noMail = (url: string): TillerError =>
  new TillerError(
    "no_mail",
    `this server sends no mail, so nothing can go to ${url}. Start it with --smtp smtp://HOST:PORT (or TILLER_SMTP).`,
  );

const Smtp = z.url({ protocol: /^smtps?$/ });
/**
 * `smtp`: smtp://user:password@host:587, or smtps:. `from`: the sender; else the user, where that is an address. `address`:
 * where people reach Tiller, for the links.
 */
export function openMailer(o: {
  smtp: string;
  from?: string | undefined;
  address: () => string;
}): Mailer {
  const url = URL.parse(o.smtp);
  if (!url || !Smtp.safeParse(o.smtp).success || !url.hostname)
    throw new TillerError(
      "bad_smtp",
      "the mail server is not written as smtp://user:password@host:587 or smtps://host. Correct --smtp or TILLER_SMTP.",
    );
  const user = decodeURIComponent(url.username);
  const from = o.from ?? (user.includes("@") ? user : undefined);
  if (!from)
    throw new TillerError(
      "no_sender",
      `mails through ${url.host} have no sender. Give one: --mail-from tiller@example.org (or TILLER_MAIL_FROM).`,
    );
  const transport = createTransport({
    host: url.hostname,
    port: Number(url.port || (url.protocol === "smtps:" ? 465 : 587)),
    secure: url.protocol === "smtps:",
    ...(user ? { auth: { user, pass: decodeURIComponent(url.password) } } : {}),
    connectionTimeout: TIMEOUT_MS,
    greetingTimeout: TIMEOUT_MS,
    socketTimeout: TIMEOUT_MS,
  });
  return {
    from,
    async send(due) {
      const began = performance.now();
      const done = (status: number | null, error: string | null): Attempt => ({
        status,
        error,
        milliseconds: Math.round(performance.now() - began),
      });
      const address = o.address();
      const events = due.map((d) => told(d, address));
      try {
        await transport.sendMail({
          from,
          to: due[0]!.url.replace(/^mailto:/, ""),
          subject:
            events.length === 1
              ? `Tiller: ${events[0]!.what}`
              : `Tiller: ${events.length} things wait`,
          text: `${events.map((e) => `${e.what}\n${e.text ? `${e.text}\n` : ""}${e.link}`).join("\n\n")}\n\n-- \nTiller at ${address}. Who gets these mails is set at ${address}/studio/webhooks\n`,
          messageId: `<${due[0]!.event}.${due[0]!.id}@tiller>`,
          headers: { "Auto-Submitted": "auto-generated" },
        });
        return done(TAKEN, null);
      } catch (e) {
        const code = (e as { responseCode?: number }).responseCode ?? null;
        return done(code, (e as Error).message);
      }
    },
    async [Symbol.asyncDispose]() {
      transport.close();
    },
  };
}

const Data = z.record(z.string(), z.unknown());
/** An event in words, and the page where something can be done about it. */
function told(
  { type, data }: Pick<Claimed, "type" | "data">,
  address: string,
): { what: string; text: string; link: string } {
  const known = Data.parse(data ?? {});
  const of = (key: string): string => {
    const found = own(known, key);
    return typeof found === "string" || typeof found === "number" ? String(found) : "";
  };
  const at = (page: string) => `${address}${page}`;
  switch (type) {
    case "concern.raised":
      return {
        what: `${of("rater")} raised a concern about “${of("title")}”`,
        text: of("text"),
        link: at("/desk/inbox"),
      };
    case "task.referred":
      return {
        what: `${of("rater")} skipped a task of “${of("title")}” for a researcher to decide (${of("reason")})`,
        text: of("comment"),
        link: at("/desk/inbox"),
      };
    case "thread.waiting":
      return {
        what: `${of("rater")} waits for your answer: ${of("title")}`,
        text: "",
        link: at("/quality/threads"),
      };
    case "room.waiting": {
      const reminded = of("why") === "reminded" ? " and was reminded" : "";
      return {
        what: `${of("rater")} is waited for in the room “${of("title")}”${reminded}`,
        text: `Seat ${of("seat")}. Nobody is there at the moment.`,
        link: at("/control/rooms"),
      };
    }
    case "batch.completed":
      return {
        what: `work is complete: ${of("answers")} answers of ${of("project") || of("experiment")}`,
        text: "",
        link: at(
          of("project")
            ? `/projects/${encodeURIComponent(of("project"))}`
            : `/studio/experiments/${encodeURIComponent(of("experiment"))}`,
        ),
      };
    case "experiment.ended":
      return {
        what: `experiment “${of("title")}” has ended: ${of("state")}`,
        text: of("error"),
        link: at(`/studio/experiments/${encodeURIComponent(of("experiment"))}`),
      };
    default:
      return { what: type, text: JSON.stringify(known, null, 2), link: at("/") };
  }
}
