import { constants } from "node:os";
import process from "node:process";
import { isMainThread } from "node:worker_threads";
import { getpid } from "../ffi/ids.ts";
import { sigaction } from "../ffi/signal.ts";
import { runtime } from "../runtime.ts";
import { BlockingSignals } from "./blocking-signals.ts";

/*
 * How this thread learns that it ends. Nothing here keeps the process alive, and without the hooks all is as if they had never been.
 *
 * - `exit`: the normal end, `process.exit`, and on Bun and Node what nobody caught. A worker thread has one of its own, unless somebody
 *   terminates it.
 * - Deno ends without `exit` when nobody caught an error; there it is heard of on the way, if nobody keeps the process from ending.
 * - Signals, in the main thread: they end the process, which a listener prevents. So the listener tidies up, takes itself away, and sends
 *   the signal again, and the process ends by it. With another listener it is the program's decision, and `exit` follows in time.
 *   While the thread blocks, no listener can run: see `blocking-signals.ts`.
 */

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Calls `tidy` when this thread ends in order, or by a signal that asks it to end. */
export class ExitHooks {
  readonly #tidy: () => void;
  readonly #pid = getpid();
  readonly #signals: (typeof SIGNALS)[number][];
  readonly #blocking: BlockingSignals | undefined;
  readonly #onExit = () => this.#run();
  readonly #onSignal = (signal: NodeJS.Signals) => this.#signalled(signal);
  readonly #onMonitor = (_error: unknown, origin: string) => {
    // an error that is thrown may still be prevented from ending the process: that comes to #onError
    if (origin === "unhandledRejection" && !isCaught()) this.#run();
  };
  readonly #onError = (event: { readonly defaultPrevented: boolean }) => {
    if (!event.defaultPrevented && !isCaught()) this.#run();
  };

  constructor(tidy: () => void) {
    this.#tidy = tidy;
    process.on("exit", this.#onExit);
    if (runtime === "deno") {
      process.on("uncaughtExceptionMonitor", this.#onMonitor);
      globalThis.addEventListener?.("error", this.#onError);
    }
    // what is ignored, as by nohup, does not end the process; a listener would change that
    this.#signals = isMainThread ? SIGNALS.filter((name) => sigaction(constants.signals[name]) !== "ignore") : [];
    for (const name of this.#signals) process.on(name, this.#onSignal);
    if (this.#signals.length > 0) this.#blocking = new BlockingSignals(this.#signals);
  }

  remove(): void {
    this.#blocking?.close();
    process.removeListener("exit", this.#onExit);
    if (runtime === "deno") {
      process.removeListener("uncaughtExceptionMonitor", this.#onMonitor);
      globalThis.removeEventListener?.("error", this.#onError);
    }
    for (const name of this.#signals) process.removeListener(name, this.#onSignal);
  }

  #signalled(signal: NodeJS.Signals): void {
    if (process.listenerCount(signal) > 1) return;
    this.#run();
    process.removeListener(signal, this.#onSignal);
    process.kill(this.#pid, signal);
  }

  #run(): void {
    // a copy of the process, should one ever be made, owns nothing
    if (getpid() !== this.#pid) return;
    this.#blocking?.restore();
    this.#tidy();
  }
}

function isCaught(): boolean {
  return process.listenerCount("uncaughtException") > 0;
}
