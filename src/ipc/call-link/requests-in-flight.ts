import type { PendingCall } from "./pending-call.ts";

/**
 * The requests of one client by id. An id is taken from when its request may be sent until its reply has come, even when nobody waits for
 * that any more: so no late reply is ever taken for that of another request, also after the ids have wrapped.
 */
export class RequestsInFlight {
  readonly #most: number;
  readonly #pending = new Map<number, PendingCall>();
  /** Ids of requests that were given up, whose reply has not come. */
  readonly #abandoned = new Set<number>();
  readonly #queued = new Set<PendingCall>();
  #next: number;

  /**
   * @param most how many ids may be taken at a time
   * @param first the first id
   */
  constructor(most: number, first = 0) {
    this.#most = most;
    this.#next = first;
  }

  /** Requests whose caller waits. */
  get waiting(): number {
    return this.#pending.size + this.#queued.size;
  }

  /** Whether a request may be sent now and overtakes none. */
  get hasRoom(): boolean {
    return this.#hasId && this.#queued.size === 0;
  }

  /** Lets a request wait until there is room. */
  queue(request: PendingCall): void {
    this.#queued.add(request);
  }

  /** The next request that waited and may be sent now. */
  dequeue(): PendingCall | undefined {
    if (!this.#hasId) return undefined;
    const [request] = this.#queued;
    if (request !== undefined) this.#queued.delete(request);
    return request;
  }

  /** Gives a request its id. */
  enter(request: PendingCall): void {
    // at most `most` of 2^32 ids are taken
    while (this.#pending.has(this.#next) || this.#abandoned.has(this.#next)) this.#next = (this.#next + 1) >>> 0;
    request.id = this.#next;
    this.#next = (this.#next + 1) >>> 0;
    this.#pending.set(request.id, request);
  }

  /** Whether somebody waits for the reply to a request that was sent. */
  isPending(id: number): boolean {
    return this.#pending.has(id);
  }

  /** Takes out the request that a reply is for; `"late"` when it was given up, `undefined` when there is none. */
  answer(id: number): PendingCall | "late" | undefined {
    const request = this.#pending.get(id);
    if (request !== undefined) {
      this.#pending.delete(id);
      return request;
    }
    return this.#abandoned.delete(id) ? "late" : undefined;
  }

  /** Ends the wait for a request; its id stays taken unless it has none. */
  abandon(request: PendingCall): void {
    if (this.#queued.delete(request)) return;
    if (this.#pending.delete(request.id)) this.#abandoned.add(request.id);
  }

  /** Gives back the id of a request that was never sent. */
  forget(request: PendingCall): void {
    this.#pending.delete(request.id);
    this.#abandoned.delete(request.id);
  }

  /** Takes out all of them. */
  clear(): PendingCall[] {
    const all = [...this.#pending.values(), ...this.#queued];
    this.#pending.clear();
    this.#abandoned.clear();
    this.#queued.clear();
    return all;
  }

  get #hasId(): boolean {
    return this.#pending.size + this.#abandoned.size < this.#most;
  }
}
