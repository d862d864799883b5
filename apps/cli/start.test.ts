/** Where a server says that it is: what listens on one address is not on localhost. */
import { expect, test } from "vitest";
import { nameOf } from "./start.ts";

test.each([
  ["127.0.0.1", "localhost"],
  ["localhost", "localhost"],
  ["0.0.0.0", "localhost"],
  ["::", "localhost"],
  ["::1", "localhost"],
  ["127.0.0.2", "127.0.0.2"],
  ["192.168.1.5", "192.168.1.5"],
  ["fe80::1", "[fe80::1]"],
  ["tiller.example.org", "tiller.example.org"],
])("--host %s is reached at %s", (host, name) => {
  expect(nameOf(host)).toBe(name);
});
