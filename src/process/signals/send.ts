import { domainError } from "../../error-table.ts";
import { checkInt32 } from "../../ffi/check.ts";
import { kill } from "../../ffi/signal.ts";
import { rtTgsigqueueinfo, sigqueue } from "../../ffi/signal-wait.ts";
import { checkOptionNames } from "../../objects/check-option-names.ts";
import { type Signal, signalName, signalNumber } from "./signal-names.ts";

/** What goes with a signal. */
export interface SendOptions {
  /**
   * A number that goes with it, from -2^31 to 2^31 - 1; the receiver finds it in the `siginfo_t`. Of a standard signal only one can be
   * pending for a process, so a second one is dropped with its number; real-time signals queue.
   */
  value?: number;
  /**
   * Sends to the main thread of the process, which takes its real-time signals in the order in which they were sent. Else any thread of
   * it may take one, so that two that come close together may change places. Default: `false`; a program that waits for signals on
   * another thread than its main one (`sigwait`) needs that.
   */
  ordered?: boolean;
}

/**
 * Sends a signal to a process, with `kill(2)`, or with `sigqueue(3)` when a number goes with it.
 *
 * @param pid a process id, or the negative of a group's, for all the processes of that group
 * @param signal its name or number
 * @throws {IpcError} `IPC_NOT_FOUND` no such process or group
 * @throws {IpcError} `IPC_PERMISSION` another user's process
 * @throws {IpcError} `IPC_LIMIT` too many signals are pending (`RLIMIT_SIGPENDING`)
 * @throws {RangeError} no such signal; or 0 or -1 as process id, which would mean more processes than was said
 * @throws {TypeError} a number for a group, which the kernel cannot do
 * @see https://man7.org/linux/man-pages/man2/kill.2.html
 * @see https://man7.org/linux/man-pages/man3/sigqueue.3.html
 *
 * @example Send a number along with a signal
 * ```ts
 * import { signals } from "millrace";
 *
 * using receiver = signals.receive(["SIGRTMIN"]);
 * signals.send(process.pid, "SIGRTMIN", { value: 42 });
 * console.log((await receiver.next()).value); // 42
 * ```
 */
export function send(pid: number, signal: Signal, options: SendOptions = {}): void {
  checkOptionNames("send()", options, { value: "", ordered: "boolean" });
  const { value, ordered = false } = options;
  checkInt32("pid", pid);
  const number = signalNumber(signal);
  if (pid === 0 || pid === -1) {
    throw new RangeError(`The process id is ${pid}, but must be that of one process, or the negative of a group's`);
  }
  if (value !== undefined) {
    checkInt32("value", value);
    if (pid < 0) throw new TypeError(`A number cannot go with a signal to a group, but ${-pid} was to get ${value}`);
  }
  if (ordered && pid < 0) throw new TypeError(`A group has no main thread, but ${-pid} was to get ordered signals`);
  try {
    if (ordered) rtTgsigqueueinfo(pid, pid, number, value ?? 0);
    else if (value === undefined) kill(pid, number);
    else sigqueue(pid, number, value);
  } catch (error) {
    const whom = pid < 0 ? `process group ${-pid}` : `process ${pid}`;
    throw domainError("signal", error, `Cannot send ${signalName(number)} to ${whom}`);
  }
}
