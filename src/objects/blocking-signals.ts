import { constants } from "node:os";
import process from "node:process";
import { restoreSigaction, type SavedSigaction, saveSigaction, sigaction } from "../ffi/signal.ts";

/**
 * Lets a signal end the process while its thread blocks.
 *
 * Who owns objects listens for the signals that end a process, and a listener cannot run while the thread blocks. So before it blocks the
 * kernel gets its own action back, with the runtime's listeners left as they are, and it stays so until the thread is free: until the
 * first microtask, since before that no listener could run either. Then the runtime's handler comes back. A loop of blocking calls pays
 * for one change and not for one at each call.
 *
 * A signal is left alone when somebody else listens for it, also on another thread with a handler that is not the runtime's, and a
 * listener that is added meanwhile ends the change at once. One that came while the thread was computing is the runtime's already, and
 * waits for the thread; the next one ends the process.
 */
export class BlockingSignals {
  /** Those of this thread, while it listens for any. */
  static current: BlockingSignals | undefined;

  readonly #names: readonly NodeJS.Signals[];
  /** The handlers that the runtime installed for our listeners. */
  readonly #handlers: ReadonlyMap<NodeJS.Signals, number>;
  #saved: SavedSigaction[] | undefined;
  readonly #restore = () => this.restore();
  readonly #onNewListener = (event: string | symbol) => {
    if ((this.#names as readonly (string | symbol)[]).includes(event)) this.restore();
  };

  /** @param names signals for which there is one listener of ours, which is not kept from ending the process */
  constructor(names: readonly NodeJS.Signals[]) {
    this.#names = names;
    this.#handlers = new Map(names.map((name) => [name, saveSigaction(constants.signals[name]).handler]));
    BlockingSignals.current = this;
  }

  /** The thread is about to block. */
  yield(): void {
    if (this.#saved !== undefined) return;
    const saved: SavedSigaction[] = [];
    for (const name of this.#names) {
      if (process.listenerCount(name) > 1) continue;
      const action = saveSigaction(constants.signals[name]);
      if (action.handler !== this.#handlers.get(name)) continue;
      sigaction(action.signal, "default");
      saved.push(action);
    }
    if (saved.length === 0) return;
    this.#saved = saved;
    process.on("newListener", this.#onNewListener);
    queueMicrotask(this.#restore);
  }

  /** The listeners get the signals again. */
  restore(): void {
    if (this.#saved === undefined) return;
    const saved = this.#saved;
    this.#saved = undefined;
    process.removeListener("newListener", this.#onNewListener);
    // what another thread has put there since stays
    for (const action of saved) if (sigaction(action.signal) === "default") restoreSigaction(action);
  }

  /** Before our listeners go. */
  close(): void {
    this.restore();
    if (BlockingSignals.current === this) BlockingSignals.current = undefined;
  }
}
