/** So many calls may end without the event loop having turned. */
const CALLS_PER_TURN = 1024;

/**
 * Lets the event loop turn from time to time. A loop of `await send()` or `await receive()` that never has to wait runs in
 * microtasks only, and no timer, signal handler or other descriptor of the process would ever get its turn.
 */
export class Pause {
  #calls = 0;

  /** Whether the next call that is counted is the one that pauses. */
  get isNext(): boolean {
    return this.#calls + 1 >= CALLS_PER_TURN;
  }

  /** Counts a call that did not wait; true when it is time to pause. */
  due(): boolean {
    if (++this.#calls < CALLS_PER_TURN) return false;
    this.#calls = 0;
    return true;
  }

  /** Resolves to `value` after a turn of the event loop. */
  take<Value>(value: Value): Promise<Value> {
    return new Promise((resolve) => setImmediate(resolve, value));
  }
}
