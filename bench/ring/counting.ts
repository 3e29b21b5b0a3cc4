import type { Job } from "./job.ts";
import { now, verify } from "./numbered.ts";

/** Counts and compares the messages of a job, with the clock on behind the warm-up. */
export class Counting {
  readonly #job: Job;
  #received = 0;
  #start = now();
  /** Resolves to the nanoseconds from the end of the warm-up to the last message. */
  readonly done: Promise<number>;
  readonly #resolve: (ns: number) => void;
  readonly #reject: (error: unknown) => void;

  constructor(job: Job) {
    this.#job = job;
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    this.done = promise;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  get received(): number {
    return this.#received;
  }

  /** Counts a message after comparing it. @returns whether it was the last */
  take(message: Uint8Array): boolean {
    try {
      verify(message, 0, message.length, this.#job.size, ++this.#received);
    } catch (error) {
      this.#reject(error);
    }
    return this.#count();
  }

  /** Counts messages up to a number, which were compared before. @returns whether the last is among them */
  reached(received: number): boolean {
    const warm = this.#received >= this.#job.warmUp;
    this.#received = received;
    return this.#count(!warm && received >= this.#job.warmUp);
  }

  #count(begins: boolean = this.#received === this.#job.warmUp): boolean {
    if (begins) this.#start = now();
    if (this.#received < this.#job.warmUp + this.#job.count) return false;
    this.#resolve(now() - this.#start);
    return true;
  }
}
