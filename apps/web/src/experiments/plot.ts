/**
 * uPlot, loaded where a chart is drawn. It makes a number format of `navigator.language` while it loads and throws where
 * that is no language tag (Chromium says "en-US@posix" under some settings of the system), which would blank the page.
 */
import "uplot/dist/uPlot.min.css";
import type uPlot from "uplot";

export type Plot = typeof uPlot;
let loading: Promise<Plot> | undefined;

export function loadPlot(): Promise<Plot> {
  loading ??= withLanguage(async () => (await import("uplot")).default);
  loading.catch(() => (loading = undefined)); // the next chart tries again
  return loading;
}

/** Runs with a language that `Intl` takes, and leaves the browser as it was. */
async function withLanguage<T>(load: () => Promise<T>): Promise<T> {
  if (known(navigator.language)) return load();
  Object.defineProperty(navigator, "language", { value: "en", configurable: true });
  try {
    return await load();
  } finally {
    Reflect.deleteProperty(navigator, "language"); // what stands here only hid the browser's own
  }
}
const known = (tag: string): boolean => {
  try {
    return Intl.NumberFormat.supportedLocalesOf(tag).length >= 0;
  } catch {
    return false;
  }
};
