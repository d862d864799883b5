/**
 * ONNX Runtime reports on its own: from 1.30 every process that loads it writes a device id and a queue of events to the
 * user's cache and sends them to its maker within a minute. Whoever runs Tiller has not been asked, so it is off before
 * the library loads. The environment is read by native code: writing `process.env` reaches it from the main thread only,
 * a worker has a copy, so there the C library is told.
 */
import { isMainThread } from "node:worker_threads";
import koffi from "koffi";

const OFF = { ORT_DISABLE_TELEMETRY: "1" } as const;

export function silenceRuntime(): void {
  for (const [name, value] of Object.entries(OFF)) {
    process.env[name] = value;
    if (!isMainThread && process.platform !== "win32")
      koffi.load(null).func("int setenv(const char* name, const char* value, int over)")(
        name,
        value,
        1,
      );
  }
}
