/** Errors that teach: a code, what happened with the values, and what to do. */

/** The user's or the world's mistake. `message` is one line and ends with the remedy. */
export class TillerError extends Error {
  readonly code: string;
  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "TillerError";
    this.code = code;
  }
}

/** Our mistake. */
export class Bug extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(`internal: ${message}. Please report this.`, options);
    this.name = "Bug";
  }
}
