/** Where requests may go to: every special address refused in every spelling, names by all their addresses. */
import { expect, test } from "vitest";
import { checkedAddress, isPublic, parseAllowed } from "./addresses.ts";

const none = parseAllowed("");

test.each([
  ["loopback", "127.0.0.1", "127.255.255.254", "::1"],
  ["private", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "fc00::1", "fd12:3456::1"],
  ["link-local and metadata", "169.254.0.1", "169.254.169.254", "fe80::1", "fd00:ec2::254"],
  ["shared, this host, broadcast", "100.64.0.1", "0.0.0.0", "255.255.255.255", "::"],
  [
    "documentation, benchmarks, multicast",
    "192.0.2.1",
    "198.18.0.1",
    "203.0.113.9",
    "224.0.0.1",
    "2001:db8::1",
    "ff02::1",
  ],
  [
    "IPv4 within IPv6",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:8.8.8.8",
    "64:ff9b::7f00:1",
    "2002:7f00:1::",
    "2001::1",
    "::7f00:1",
  ],
])("not public: %s", (_, ...addresses) => {
  for (const address of addresses) expect([address, isPublic(address)]).toEqual([address, false]);
});
test("public", () => {
  for (const address of [
    "8.8.8.8",
    "1.1.1.1",
    "172.32.0.1",
    "100.128.0.1",
    "2606:4700::1111",
    "2a00:1450:4001::1",
  ])
    expect([address, isPublic(address)]).toEqual([address, true]);
  expect(isPublic("no address")).toBe(false);
});

test.each([
  "https://127.0.0.1/",
  "https://127.1/",
  "https://2130706433/",
  "https://0x7f000001/",
  "https://0177.0.0.1/",
  "https://[::1]/",
  "https://[::ffff:127.0.0.1]/",
  "https://169.254.169.254/latest/meta-data",
  "https://[fe80::1]/",
])("%s is refused without asking for a name", async (url) => {
  const resolve = () => Promise.reject(new Error("asked"));
  await expect(checkedAddress(new URL(url), none, resolve)).rejects.toThrow(
    /not a public address.*TILLER_WEBHOOK_ALLOW/,
  );
});

const names =
  (...addresses: string[]) =>
  () =>
    Promise.resolve(
      addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 })),
    );
test("one private address behind a name is enough to refuse it", async () => {
  const url = new URL("https://hooks.example/x");
  expect(await checkedAddress(url, none, names("8.8.8.8"))).toEqual({
    address: "8.8.8.8",
    family: 4,
  });
  for (const bad of ["10.0.0.1", "::1", "::ffff:192.168.0.1"])
    await expect(checkedAddress(url, none, names("8.8.8.8", bad))).rejects.toThrow(
      `leads to ${bad}`,
    );
  await expect(checkedAddress(url, none, names())).rejects.toThrow("has no address");
  await expect(
    checkedAddress(url, none, () => Promise.reject(new Error("ENOTFOUND"))),
  ).rejects.toThrow("hooks.example has no address. Check the name.");
});

test("what the operator allows: names, addresses, networks; over http too", async () => {
  const allowed = parseAllowed("hooks.internal, 10.1.0.0/16 fd00::/8,127.0.0.1");
  const http = (host: string) => new URL(`http://${host}:8080/`);
  expect(await checkedAddress(http("hooks.internal"), allowed, names("192.168.7.7"))).toMatchObject(
    { address: "192.168.7.7" },
  );
  expect(await checkedAddress(http("10.1.2.3"), allowed)).toMatchObject({ address: "10.1.2.3" });
  expect(await checkedAddress(http("[fd00::9]"), allowed)).toMatchObject({ family: 6 });
  await expect(checkedAddress(http("10.2.2.3"), allowed)).rejects.toThrow("not a public address");
  await expect(checkedAddress(http("evil.internal"), allowed, names("10.9.9.9"))).rejects.toThrow(
    "not a public",
  );
  await expect(checkedAddress(http("8.8.8.8"), allowed)).rejects.toThrow(
    "is not encrypted: use https",
  );
  await expect(checkedAddress(new URL("https://u:p@8.8.8.8/"), allowed)).rejects.toThrow(
    "a name or a password",
  );
  await expect(checkedAddress(new URL("file:///etc/passwd"), allowed)).rejects.toThrow(
    "neither https nor http",
  );
  expect(() => parseAllowed("10.0.0.0/99")).toThrow("10.0.0.0/99 is no name, address or network");
});
