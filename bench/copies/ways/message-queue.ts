/** What came by an event, until somebody asks for it. */
export class MessageQueue {
  readonly #messages: Uint8Array[] = [];
  #waiting: ((message: Uint8Array) => void) | undefined;

  put(message: Uint8Array): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting === undefined) this.#messages.push(message);
    else waiting(message);
  }

  async take(): Promise<Uint8Array> {
    return (
      this.#messages.shift() ??
      (await new Promise<Uint8Array>((resolve) => {
        this.#waiting = resolve;
      }))
    );
  }
}
