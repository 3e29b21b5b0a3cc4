import { checkReceivable } from "./check-receivable.ts";
import { SignalHub } from "./signal-hub.ts";
import type { SignalInfo } from "./signal-info.ts";
import type { Signal } from "./signal-names.ts";

/** A handler that is installed, from {@link handle}. */
export interface SignalHandling extends Disposable {
  /** Takes the handler away; the signal does what it did before. Idempotent. */
  close(): void;
}

/**
 * Calls a function for each signal that comes, in the event loop, as `process.on` does, but with who sent it and the number that was
 * sent along. It does not keep the process alive. What the function throws is an uncaught exception.
 *
 * @param signal one, or several
 * @throws {TypeError} not a function
 * @throws {RangeError} as {@link receive}
 * @throws {IpcError} `IPC_LIMIT` no descriptors left
 * @throws {IpcError} `IPC_UNSUPPORTED` the system forbids code that a process writes for itself
 * @see https://man7.org/linux/man-pages/man2/sigaction.2.html
 *
 * @example Answer to a signal
 * ```ts
 * import { signals } from "millrace";
 *
 * const told = new Promise((resolve) => signals.handle("SIGUSR2", ({ pid }) => resolve(pid)));
 * const waiting = signals.wait(["SIGUSR2"]); // keeps the process alive
 * signals.send(process.pid, "SIGUSR2");
 * await waiting;
 * console.log((await told) === process.pid); // true
 * ```
 */
export function handle(signal: Signal | readonly Signal[], handler: (info: SignalInfo) => void): SignalHandling {
  if (typeof handler !== "function") throw new TypeError(`The handler is ${String(handler)}, but must be a function`);
  const numbers = checkReceivable(typeof signal === "object" ? signal : [signal]);
  const hub = SignalHub.get();
  let open = true;
  const listener = {
    deliver(info: SignalInfo) {
      queueMicrotask(() => {
        if (open) handler(info);
      });
    },
    fail(error: unknown) {
      queueMicrotask(() => {
        throw error;
      });
    },
  };
  hub.join(numbers, listener);
  const stop = hub.pump(true);
  const close = () => {
    if (!open) return;
    open = false;
    stop();
    hub.leave(numbers, listener);
  };
  return { close, [Symbol.dispose]: close };
}
