import type { IncomingCall } from "../incoming-call.ts";

type Call = IncomingCall<unknown>;

/**
 * The requests that a responder has taken: those that wait for a handler, and those that have one. A request whose requester has given it up
 * keeps its handler's place until that has ended.
 */
export class IncomingCalls {
  readonly #concurrency: number;
  readonly #backlog: number;
  /** By id; only those that may still be answered. */
  readonly #open = new Map<number, Call>();
  readonly #queued = new Set<Call>();
  readonly #running = new Set<Call>();

  constructor(concurrency: number, backlog: number) {
    this.#concurrency = concurrency;
    this.#backlog = backlog;
  }

  /** Whether one more may be taken. */
  get hasRoom(): boolean {
    return this.#queued.size < this.#backlog;
  }

  /** Calls that wait for a handler. */
  get queued(): number {
    return this.#queued.size;
  }

  /** Calls that are with a handler. */
  get running(): number {
    return this.#running.size;
  }

  isOpen(id: number): boolean {
    return this.#open.has(id);
  }

  add(call: Call): void {
    this.#open.set(call.id, call);
    this.#queued.add(call);
  }

  /** The next call for a handler, `undefined` when there is none or when as many run as may. */
  next(): Call | undefined {
    if (this.#running.size >= this.#concurrency) return undefined;
    const [call] = this.#queued;
    if (call === undefined) return undefined;
    this.#queued.delete(call);
    this.#running.add(call);
    return call;
  }

  /** A call is answered: takes it out; false when nobody waits for the answer. */
  answer(call: Call): boolean {
    if (this.#open.get(call.id) !== call) return false;
    this.#open.delete(call.id);
    return true;
  }

  /** Gives the place of a handler back. */
  finish(call: Call): void {
    this.#running.delete(call);
  }

  /** Nobody waits for the answer any more; the call, when it was open. */
  cancel(id: number): Call | undefined {
    const call = this.#open.get(id);
    if (call === undefined) return undefined;
    this.#open.delete(id);
    this.#queued.delete(call);
    return call;
  }

  /** Takes out all that may still be answered; with `queuedOnly`, those that have no handler. */
  cancelAll(queuedOnly = false): Call[] {
    const all = [...(queuedOnly ? this.#queued : this.#open.values())];
    for (const { id } of all) this.cancel(id);
    return all;
  }
}
