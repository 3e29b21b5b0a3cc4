import { EINTR } from "../../ffi/abi/errno.ts";
import {
  type BlockingArgument,
  type BlockingCall,
  callBlockingSync,
  startBlocking,
} from "../../ffi/off-thread/blocking-call.ts";
import type { BlockingOutcome } from "../../ffi/off-thread/blocking-caller.ts";
import { beforeBlocking } from "../../objects/before-blocking.ts";

/** Waits for a queue by blocking in msgrcv or msgsnd off the thread, in one call at a time, whose outcome is never lost. */
export class BlockingWait {
  readonly #settled: (outcome: BlockingOutcome) => void;
  #call: BlockingCall | undefined;

  /** @param settled takes the outcome of each call, once */
  constructor(settled: (outcome: BlockingOutcome) => void) {
    this.#settled = settled;
  }

  /** Rejects with `signal.reason` when that fires; then the call is over, and its outcome was taken. */
  async wait(name: "msgsnd" | "msgrcv", args: BlockingArgument[], signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    const call = startBlocking(name, args);
    this.#call = call;
    const end = () => this.settle();
    signal?.addEventListener("abort", end, { once: true });
    try {
      await call.over;
    } finally {
      signal?.removeEventListener("abort", end);
      if (this.#call === call) this.settle();
    }
    signal?.throwIfAborted();
  }

  /** The same with the thread blocked; false when `timeout` milliseconds have passed. */
  waitSync(name: "msgsnd" | "msgrcv", args: BlockingArgument[], timeout: number): boolean {
    beforeBlocking();
    const outcome = callBlockingSync(name, args, timeout);
    this.#settled(outcome);
    return outcome.errno !== EINTR;
  }

  /** Ends the pending call and takes its outcome. */
  settle(): void {
    const call = this.#call;
    if (call === undefined) return;
    this.#call = undefined;
    this.#settled(call.settle());
  }
}
