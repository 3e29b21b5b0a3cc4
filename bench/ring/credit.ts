/** Bytes of messages that may be on their way without an acknowledgement. */
const WINDOW_BYTES = 1 << 20;

/** How many messages of that size may be on their way where the transport itself has no back-pressure. */
export function windowOf(size: number): number {
  return Math.min(1024, Math.max(4, WINDOW_BYTES / size));
}

/** Lets a sender go on only while less than a window of messages is on its way. */
export class Credit {
  readonly #window: number;
  #onTheWay = 0;
  #resume: (() => void) | undefined;

  constructor(window: number) {
    this.#window = window;
  }

  /** One more message was sent. @returns a promise to wait for when the window is full */
  sent(): Promise<void> | undefined {
    if (++this.#onTheWay < this.#window) return undefined;
    return this.#resumed();
  }

  /** Messages have arrived. */
  arrived(messages: number): void {
    this.#onTheWay -= messages;
    const resume = this.#resume;
    this.#resume = undefined;
    resume?.();
  }

  /** Resolves when everything has arrived. */
  async all(): Promise<void> {
    while (this.#onTheWay > 0) await this.#resumed();
  }

  #resumed(): Promise<void> {
    return new Promise((resolve) => {
      this.#resume = resolve;
    });
  }
}
