/**
 * Several people in one browser, over HTTP: a further one's link opens beside the first, under a path of its own; homes do
 * not share cookies; an ended session lets nobody act as the next; links that do not work get a page.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import type { Role } from "@tiller/schema";
import { createApp } from "@tiller/server/app.ts";
import { serverModelClient } from "@tiller/serve";
import { ensurePerson, issueToken } from "@tiller/store";
import { openServer, type TestServer } from "./fixtures/server.ts";

let site: TestServer;
beforeAll(async () => {
  site = await openServer({ pages: true });
}, 120_000);
afterAll(async () => {
  await site?.[Symbol.asyncDispose]();
});

/** A browser: it keeps the cookies that it is given and sends them all. */
function openBrowser(app: TestServer["app"] = site.app, jar = new Map<string, string>()) {
  return {
    jar,
    async ask(at: string, init: RequestInit & { accept?: string } = {}): Promise<Response> {
      const reply = await app.request(`http://localhost${at}`, {
        ...init,
        headers: {
          cookie: [...jar].map(([name, value]) => `${name}=${value}`).join("; "),
          accept: init.accept ?? "application/json",
          ...(init.headers as Record<string, string>),
        },
      });
      for (const line of reply.headers.getSetCookie()) {
        const [, name, value] = /^([^=]+)=([^;]*)/.exec(line)!;
        if (/Max-Age=0/.test(line)) jar.delete(name!);
        else jar.set(name!, value!);
      }
      return reply;
    },
  };
}
const invited = async (id: string, role: Role, pseudonym = id) => {
  const me = await ensurePerson(site.store.db, { id, name: `Name of ${id}`, pseudonym, role });
  const token = await issueToken(site.store.db, me.id, "link");
  return { me, link: `/sign-in?token=${token}` };
};
type Browser = ReturnType<typeof openBrowser>;
const whoIs = async (b: Browser, at: string) => {
  const reply = await b.ask(`${at}/api/me`);
  return reply.ok ? z.object({ id: z.string() }).parse(await reply.json()).id : reply.status;
};
const here = async (b: Browser) =>
  z
    .array(z.object({ pseudonym: z.string(), path: z.string() }))
    .parse(await (await b.ask("/api/account/here")).json())
    .map((p) => `${p.pseudonym} ${p.path}`);

test("a second person signs in beside the first; the address says who", async () => {
  const b = openBrowser();
  const ruth = await invited("ruth", "researcher");
  const ann = await invited("ann", "rater", "rater-x1");
  const opened = await b.ask(ruth.link);
  expect([opened.status, opened.headers.get("location")]).toEqual([302, "/"]);
  const beside = await b.ask(ann.link);
  expect(beside.headers.get("location")).toBe("/as/rater-x1/desk");
  expect(await whoIs(b, "")).toBe("ruth");
  expect(await whoIs(b, "/as/rater-x1")).toBe("ann");
  expect(await here(b)).toEqual(["ruth ", "rater-x1 /as/rater-x1"]);
  // the same link again, and one's own again, move nobody
  expect((await b.ask(ann.link)).headers.get("location")).toBe("/as/rater-x1/desk");
  expect((await b.ask(ruth.link)).headers.get("location")).toBe("/");
  expect(await here(b)).toHaveLength(2);
  // Ann's rights, not Ruth's, and the pages as well
  expect((await b.ask("/as/rater-x1/api/people")).status).toBe(403);
  expect((await b.ask("/api/people")).status).toBe(200);
  const page = await b.ask("/as/rater-x1/desk", { accept: "text/html" });
  expect([page.status, page.headers.get("content-type")]).toEqual([
    200,
    expect.stringMatching("html"),
  ]);
  // nobody sits there
  expect(await whoIs(b, "/as/rater-x2")).toBe(401);
  // one leaves, the other stays
  const post = { method: "POST", headers: { origin: "http://localhost" } };
  expect((await b.ask("/as/rater-x1/api/account/sign-out", post)).status).toBe(200);
  expect(await here(b)).toEqual(["ruth "]);
});

test("an invitation and a password open beside the first as well", async () => {
  const b = openBrowser();
  const lena = await invited("lena", "lead");
  await b.ask(lena.link);
  const json = { "content-type": "application/json", origin: "http://localhost" };
  const made = await b.ask("/api/people/invitations", {
    method: "POST",
    headers: json,
    body: JSON.stringify({ role: "rater" }),
  });
  const { link } = z.object({ link: z.string() }).parse(await made.json());
  const password = "a long password, really";
  const joined = await b.ask(`/api${new URL(link).pathname}`, {
    method: "POST",
    headers: json,
    body: JSON.stringify({ name: "Bo", handle: "bo-rater", password }),
  });
  const reply = z.object({ home: z.string(), pseudonym: z.string() }).parse(await joined.json());
  expect(reply.home).toBe(`/as/${reply.pseudonym}/desk`);
  expect(await whoIs(b, "")).toBe("lena");
  const again = await b.ask("/api/sign-in", {
    method: "POST",
    headers: json,
    body: JSON.stringify({ handle: "bo-rater", password }),
  });
  expect(await again.json()).toEqual({ home: reply.home });
  expect(await here(b)).toHaveLength(2);
});

test("who comes after an ended session is not taken for who was there", async () => {
  const b = openBrowser();
  const [cleo, dan] = [await invited("cleo", "rater"), await invited("dan", "rater")];
  await b.ask(cleo.link);
  await b.ask("/api/account/sign-out", { method: "POST", headers: { origin: "http://localhost" } });
  expect(b.jar.size).toBe(0);
  await b.ask(dan.link);
  expect(await whoIs(b, "")).toBe("dan");
  // a page that Cleo had left open
  const reply = await b.ask("/api/me", { headers: { "tiller-person": cleo.me.id } });
  expect(reply.status).toBe(401);
  expect(await reply.json()).toMatchObject({ code: "signed_out" });
  expect((await b.ask("/api/me", { headers: { "tiller-person": dan.me.id } })).status).toBe(200);
});

test("two homes on one machine keep their sessions apart", async () => {
  const b = openBrowser();
  const eve = await invited("eve", "rater");
  await b.ask(eve.link);
  const { flow, sampler } = site;
  const store = { ...site.store, home: `${site.home}-other` };
  const modelClient = serverModelClient({ store, sampler });
  const other = createApp({ store, flow, sampler, modelClient, pending: new Set(), web: "" });
  const there = openBrowser(other, b.jar);
  const fay = await invited("fay", "rater");
  expect((await there.ask(fay.link)).headers.get("location")).toBe("/desk");
  expect(b.jar.size).toBe(2);
  expect([await whoIs(b, ""), await whoIs(there, "")]).toEqual(["eve", "fay"]);
  expect([await here(b), await here(there)]).toEqual([["eve "], ["fay "]]);
});

test("a session from before keeps working under the cookie's former name", async () => {
  const gus = await invited("gus", "rater");
  const b = openBrowser();
  b.jar.set("tiller_session", await issueToken(site.store.db, gus.me.id, "session"));
  expect(await whoIs(b, "")).toBe("gus");
  const hal = await invited("hal", "rater");
  expect((await b.ask(hal.link)).headers.get("location")).toBe("/as/hal/desk");
  expect(await here(b)).toEqual(["gus ", "hal /as/hal"]);
});

test("pseudonyms that cannot stand in an address do not meet", async () => {
  const b = openBrowser();
  const first = await invited("ida", "rater");
  await b.ask(first.link);
  const places = [];
  for (const [id, pseudonym] of [
    ["jo-1", "Jo 1"],
    ["jo-2", "jo-1"],
    ["jo-3", "Jö 1"],
  ] as const)
    places.push(
      (await b.ask((await invited(id, "rater", pseudonym)).link)).headers.get("location"),
    );
  expect(new Set(places).size).toBe(3);
  expect(await here(b)).toHaveLength(4);
});

test("a link that does not work is a page in a browser, and words elsewhere", async () => {
  const b = openBrowser();
  const page = await b.ask("/sign-in?token=gone", { accept: "text/html,*/*" });
  expect([page.status, await page.text()]).toEqual([
    401,
    expect.stringContaining('<div id="root">'),
  ]);
  const words = await b.ask("/sign-in?token=gone");
  expect([words.status, await words.text()]).toEqual([401, expect.stringMatching("not valid")]);
  expect((await b.ask("/sign-in", { accept: "text/html" })).status).toBe(200);
});
