/** Imported before a server of the fault tests: its machine's clock is wrong by TILLER_SKEW milliseconds. */
const wrong = Number(process.env["TILLER_SKEW"] ?? 0);
const True = globalThis.Date;
globalThis.Date = class extends True {
  constructor(...args: unknown[]) {
    if (args.length) super(...(args as [number]));
    else super(True.now() + wrong);
  }
  static override now(): number {
    return True.now() + wrong;
  }
} as DateConstructor;
