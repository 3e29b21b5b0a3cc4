import { constants } from "node:os";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** The signals that end a command: the first one asks it to clean up, a second one ends the process at once. */
export class Interruption {
  readonly #controller = new AbortController();
  #status: number | undefined;

  /** Starts to listen, for as long as the process lives. */
  constructor() {
    for (const name of SIGNALS) process.on(name, () => this.#interrupt(name));
  }

  /** Fires when a signal came. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** The exit status that the signal asks for, `undefined` when none came. */
  get status(): number | undefined {
    return this.#status;
  }

  #interrupt(name: (typeof SIGNALS)[number]): void {
    const status = 128 + constants.signals[name];
    if (this.#status !== undefined) process.exit(status);
    this.#status = status;
    this.#controller.abort(new Error(`Ended by ${name}`));
  }
}
