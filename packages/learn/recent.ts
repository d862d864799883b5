/** Things that are dear to make and must be let go: the `limit` last used are kept, by a key. */
export class Recent<T extends Disposable> implements Disposable {
  readonly #kept = new Map<string, T>(); // the last used stands last
  readonly #limit: number;
  constructor(limit: number) {
    this.#limit = limit;
  }
  get<K extends T>(key: string, make: () => K): K {
    const old = this.#kept.get(key);
    const value = old ?? make();
    this.#kept.delete(key);
    this.#kept.set(key, value);
    if (this.#kept.size > this.#limit) {
      const [oldest, gone] = this.#kept.entries().next().value!;
      this.#kept.delete(oldest);
      gone[Symbol.dispose]();
    }
    return value as K; // a key always makes the same kind
  }
  [Symbol.dispose](): void {
    for (const value of this.#kept.values()) value[Symbol.dispose]();
    this.#kept.clear();
  }
}
