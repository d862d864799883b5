/** A contender of a bench: a process that answers each line of stdin with a line of JSON. */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import readline from "node:readline";

export class Worker<T = Record<string, number>> implements AsyncDisposable {
  readonly name: string;
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;
  constructor(name: string, command: string, args: string[]) {
    this.name = name;
    this.#child = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] }) as never;
    this.#lines = readline.createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }
  async answer(): Promise<T> {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error(`${this.name} ended; its error stands above`);
    return JSON.parse(value) as T;
  }
  ask(line: string): Promise<T> {
    this.#child.stdin.write(`${line}\n`);
    return this.answer();
  }
  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.stdin.end();
    if (this.#child.exitCode === null)
      await new Promise((resolve) => this.#child.once("close", resolve));
  }
}
