import { checkReceivable } from "./check-receivable.ts";
import type { Signal } from "./signal-names.ts";
import { SignalReceiver } from "./signal-receiver.ts";

/**
 * Receives signals from now on, with who sent them and the number that was sent along. They no longer do what they do by default.
 * Listeners of `process.on` go on working, whichever was there first.
 *
 * The order is that in which threads of this process took them: of real-time signals sent to the process as a whole, several threads may
 * take one each at the same moment. Those sent to one thread (`send` with `ordered`) keep their order.
 *
 * An open receiver does not keep the process alive; a pending `next()` does.
 *
 * @param signals names or numbers
 * @throws {RangeError} no such signal; or `SIGKILL`, `SIGSTOP`, `SIGSEGV`, `SIGBUS`, `SIGFPE`, `SIGILL`, or the signal with which this
 * library interrupts its blocked calls
 * @throws {IpcError} `IPC_LIMIT` no descriptors left
 * @throws {IpcError} `IPC_UNSUPPORTED` the system forbids code that a process writes for itself
 * @see https://man7.org/linux/man-pages/man2/sigaction.2.html
 *
 * @example Take two signals in their order
 * ```ts
 * import { signals } from "millrace";
 *
 * using receiver = signals.receive(["SIGRTMIN", "SIGUSR2"]);
 * signals.send(process.pid, "SIGRTMIN", { value: 7 });
 * const { signal, value, pid } = await receiver.next({ timeout: 5000 });
 * console.log(signal, value, pid === process.pid); // SIGRTMIN 7 true
 * ```
 */
export function receive(signals: readonly Signal[]): SignalReceiver {
  return new SignalReceiver(checkReceivable(signals));
}
