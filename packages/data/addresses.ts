/**
 * Where this server may send requests to on somebody's word: the public internet, and what the operator allows. Every
 * address that a name resolves to is checked, and the connection goes to the one that was checked.
 */
import { lookup } from "node:dns/promises";
import { BlockList, isIP } from "node:net";
import { TillerError } from "@tiller/schema";

/** Not public, by the special-purpose registries of IANA: private, shared, loopback, link-local (metadata services), ... */
const private4: readonly (readonly [string, number])[] = [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 4],
  ["240.0.0.0", 4],
];
/** Within 2000::/3, all that is public: what is not, or leads to an IPv4 address. */
const private6: readonly (readonly [string, number])[] = [
  ["2001::", 23], // Teredo, ORCHID and others
  ["2001:db8::", 32],
  ["2002::", 16], // 6to4
  ["3fff::", 20],
];
const listOf = (nets: readonly (readonly [string, number])[], family: "ipv4" | "ipv6") => {
  const list = new BlockList();
  for (const [net, bits] of nets) list.addSubnet(net, bits, family);
  return list;
};
const notPublic4 = listOf(private4, "ipv4");
const notPublic6 = listOf(private6, "ipv6");
const unicast6 = listOf([["2000::", 3]], "ipv6");

export const isPublic = (address: string): boolean =>
  isIP(address) === 4
    ? !notPublic4.check(address, "ipv4")
    : isIP(address) === 6 && unicast6.check(address, "ipv6") && !notPublic6.check(address, "ipv6");

/** What the operator lets through beside the public internet: names, addresses, networks. */
export interface Allowed {
  readonly hosts: ReadonlySet<string>;
  readonly nets: BlockList;
}
/** TILLER_WEBHOOK_ALLOW="hooks.internal, 10.1.0.0/16, 127.0.0.1" */
export function parseAllowed(text: string): Allowed {
  const [hosts, nets] = [new Set<string>(), new BlockList()];
  for (const entry of text.split(/[\s,]+/).filter(Boolean)) {
    const [address = "", bits] = entry.split("/");
    const family = isIP(address) === 4 ? "ipv4" : isIP(address) === 6 ? "ipv6" : undefined;
    if (family && bits === undefined) nets.addAddress(address, family);
    else if (family && Number(bits) >= 0 && Number(bits) <= (family === "ipv4" ? 32 : 128))
      nets.addSubnet(address, Number(bits), family);
    else if (!family && bits === undefined) hosts.add(address.toLowerCase());
    else
      throw new TillerError(
        "bad_allow_list",
        `TILLER_WEBHOOK_ALLOW: ${entry} is no name, address or network. Write them like hooks.internal, 10.1.2.3, 10.1.0.0/16.`,
      );
  }
  return { hosts, nets };
}

export interface Checked {
  readonly address: string;
  readonly family: 4 | 6;
}
/** The address to connect to for this URL; an error when any address behind its name is not allowed. */
export async function checkedAddress(
  url: URL,
  allowed: Allowed,
  resolve: (name: string) => Promise<readonly { address: string; family: number }[]> = (name) =>
    lookup(name, { all: true }),
): Promise<Checked> {
  const refused = (why: string) =>
    new TillerError(
      "address_refused",
      `${url.host} ${why}. Use a public https address, or name it in TILLER_WEBHOOK_ALLOW and start the server again.`,
    );
  if (url.protocol !== "https:" && url.protocol !== "http:")
    throw refused("is neither https nor http");
  if (url.username || url.password) throw refused("has a name or a password in it");
  const host = url.hostname.replace(/^\[|\]$/g, "").toLowerCase(); // the URL class has made one form of 0x7f.1 and 2130706433
  const byName = allowed.hosts.has(host);
  const found = isIP(host)
    ? [{ address: host, family: isIP(host) }]
    : await resolve(host).catch((cause: unknown) => {
        throw new TillerError("address_unknown", `${host} has no address. Check the name.`, {
          cause,
        });
      });
  const inNets = (address: string) =>
    allowed.nets.check(address, isIP(address) === 4 ? "ipv4" : "ipv6");
  const ours = found.map(({ address }) => byName || inNets(address));
  const bad = found.findIndex(({ address }, i) => !ours[i] && !isPublic(address));
  if (bad >= 0) throw refused(`leads to ${found[bad]!.address}, which is not a public address`);
  if (url.protocol === "http:" && !ours.every(Boolean))
    throw refused("is not encrypted: use https");
  const first = found[0];
  if (!first) throw refused("has no address");
  return { address: first.address, family: first.family === 6 ? 6 : 4 };
}
