/**
 * Nothing of Tiller, nor of anything it is made of, calls out unasked: the first experiment, a model and its sampler run
 * in a network namespace whose one way out leads nowhere and is counted, packet by packet.
 * Linux with iproute2, and the right to make a namespace; elsewhere it is skipped with a message.
 */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));
const scratch = mkdtempSync(path.join(tmpdir(), "tiller-quiet-"));
chmodSync(scratch, 0o755); // as root, Postgres runs as somebody else and must reach the home
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** A way out that takes everything and answers nothing; names are looked up beyond it too. */
const walled = `
set -e
ip link set lo up
ip link add out0 type veth peer name in0
for i in out0 in0; do echo 1 > /proc/sys/net/ipv6/conf/$i/disable_ipv6; done
ip addr add 10.99.0.1/24 dev out0
ip link set out0 up
ip link set in0 up
ip neigh add 10.99.0.2 lladdr 02:00:00:00:00:02 dev out0
ip route add default via 10.99.0.2
printf 'nameserver 10.99.0.2\\n' > ${scratch}/resolv.conf
mount --bind ${scratch}/resolv.conf "$(readlink -f /etc/resolv.conf)"
set +e
"$@"
code=$?
grep out0 /proc/net/dev > ${scratch}/sent
cat /proc/net/tcp /proc/net/udp > ${scratch}/sockets
exit $code`;
writeFileSync(path.join(scratch, "walled.sh"), walled);

const unable = (() => {
  try {
    execFileSync("unshare", ["-nm", "bash", path.join(scratch, "walled.sh"), "true"], {
      stdio: "pipe",
    });
    return undefined;
  } catch (e) {
    return String((e as { stderr?: Buffer }).stderr ?? e).split("\n")[0];
  }
})();
if (unable) console.warn(`tests/quiet: skipped, no network namespace can be made here: ${unable}`);

/** Packets that left while `args` ran, and how it ended. */
async function packets(args: readonly string[]): Promise<{ sent: number; code: number | null }> {
  const inside = ["-nm", "bash", path.join(scratch, "walled.sh"), ...args];
  const env = { ...process.env, HOME: scratch, TMPDIR: scratch, XDG_CACHE_HOME: scratch };
  const child = spawn("unshare", inside, { cwd: root, env, stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (b: Buffer) => (said = (said + b.toString()).slice(-2000)));
  const [code] = (await once(child, "close")) as [number | null];
  if (code !== 0) console.error(said);
  // Inter-| Receive: 8 columns | Transmit: bytes, packets, ...
  const columns = readFileSync(path.join(scratch, "sent"), "utf8").trim().split(/\s+/);
  return { sent: Number(columns[10]), code };
}
const tiller = (...args: string[]) => [process.execPath, "apps/cli/main.ts", ...args];

test.skipIf(unable)("the count sees a look-up of a name and a connection", async () => {
  const script = (what: string) => [process.execPath, "-e", what];
  const lookup =
    'require("node:dns").lookup("example.org", () => process.exit(0)); setTimeout(() => process.exit(0), 500)';
  expect((await packets(script(lookup))).sent).toBeGreaterThan(0);
  const dial =
    'require("node:net").connect(443, "192.0.2.1"); setTimeout(() => process.exit(0), 300)';
  expect((await packets(script(dial))).sent).toBeGreaterThan(0);
  expect((await packets(script("process.exit(0)"))).sent).toBe(0);
});

test.skipIf(unable)("a model that writes calls nobody", { timeout: 120_000 }, async () => {
  const ended = await packets(tiller("model", "sample", "models/base", "--prompt", "The sea"));
  expect(ended).toEqual({ sent: 0, code: 0 });
});

test.skipIf(unable)(
  "npm start, the first experiment and its jobs call nobody in more than a minute",
  { timeout: 600_000 },
  async () => {
    const home = path.join(scratch, "home");
    const start = tiller("start", "--small", "--once", "--port", "0", "--home", home);
    // as long as the runtime's own report took to leave
    const then = ["bash", "-c", '"$@"; code=$?; sleep 1; exit $code', "bash", ...start];
    expect(await packets(then)).toEqual({ sent: 0, code: 0 });
    expect(readdirSync(scratch).filter((f) => /Microsoft|^mat-debug/.test(f))).toEqual([]);
  },
);
