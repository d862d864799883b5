/** A browser for tests: the system's Chromium where there is one, else the one that npm brought. */
import { existsSync } from "node:fs";
import { type Browser, chromium } from "playwright-core";
import bundled from "@sparticuz/chromium";

const quiet = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export async function launchBrowser(): Promise<Browser> {
  const system = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(
    (p) => existsSync(p),
  );
  if (system) return chromium.launch({ executablePath: system, args: quiet });
  // its own list of flags has --single-process, under which a closed page takes the browser with it
  return chromium.launch({ executablePath: await bundled.executablePath(), args: quiet });
}
