import type { Orders } from "./orders.ts";
import type { PassedReport } from "./protocol.ts";
import { sha256 } from "./sha256.ts";

/** Milliseconds between two reports of progress. */
const REPORT_INTERVAL = 100;

/** What a consumer has got: puts the pieces together in memory that is there before the clock starts. */
export class Arrival {
  readonly #content: Uint8Array;
  readonly #orders: Orders;
  #bytes = 0;
  #messages = 0;
  #started = 0;
  #reported = 0;
  #ended = 0;

  /** @param bytes how many will come */
  constructor(bytes: number, orders: Orders) {
    this.#content = new Uint8Array(bytes);
    this.#orders = orders;
  }

  /** True when everything is there. */
  get complete(): boolean {
    return this.#bytes === this.#content.length;
  }

  /** Forgets what was there. It writes to every page, so that none is missing when bytes come. */
  reset(): void {
    this.#content.fill(0xff);
    this.#bytes = 0;
    this.#messages = 0;
  }

  /** The start message has come. */
  start(): void {
    this.#started = performance.now();
    this.#reported = this.#started;
    this.#ended = this.#started;
  }

  add(piece: Uint8Array): void {
    if (this.#bytes + piece.length > this.#content.length) throw new Error("More arrived than was sent");
    this.#content.set(piece, this.#bytes);
    this.#bytes += piece.length;
    this.#messages++;
    const now = performance.now();
    this.#ended = now;
    if (now - this.#reported < REPORT_INTERVAL) return;
    this.#reported = now;
    // a driver that has gone is noticed at the end of the pass
    this.#orders.report({ report: "progress", bytes: this.#bytes }).catch(() => {});
  }

  /** The figures. Hashes what is there, which counts for nothing. */
  passed(): PassedReport {
    return {
      report: "passed",
      messages: this.#messages,
      bytes: this.#bytes,
      seconds: (this.#ended - this.#started) / 1000,
      sha256: sha256(this.#content.subarray(0, this.#bytes)),
    };
  }
}
