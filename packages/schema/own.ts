/** A field by a text that comes from people or files: what every object inherits is none of it. */
export const own = <T>(
  from: Readonly<Record<string, T>> | null | undefined,
  key: string,
): T | undefined => (from && Object.hasOwn(from, key) ? from[key] : undefined);

/** Sets a field of any name, also `__proto__`, which an assignment would take for the object's prototype. */
export function setOwn<T>(on: Record<string, T>, key: string, value: T): void {
  Object.defineProperty(on, key, { value, enumerable: true, writable: true, configurable: true });
}
