import { SIGBUS, SIGFPE, SIGILL, SIGKILL, SIGSEGV, SIGSTOP } from "../../ffi/abi/current.ts";
import { sigaction } from "../../ffi/signal.ts";
import { type Signal, signalName, signalNumbers } from "./signal-names.ts";

/**
 * The numbers of signals that are to be received, each once.
 *
 * @throws {TypeError} not a list of signals
 * @throws {RangeError} an empty list, or a signal that cannot be received
 */
export function checkReceivable(signals: readonly Signal[]): number[] {
  const given = signalNumbers(signals);
  if (given.length === 0) throw new RangeError("The list of signals is empty, but must have at least one");
  const numbers = [...new Set(given)];
  for (const number of numbers) {
    const why = reason(number);
    if (why !== undefined) throw new RangeError(`${signalName(number)} cannot be received: ${why}`);
  }
  return numbers;
}

function reason(number: number): string | undefined {
  if (number === SIGKILL || number === SIGSTOP) return "the kernel lets no process handle it";
  if (FAULTS.has(number)) return "it means that an instruction failed, and would fail again after the handler";
  if (sigaction(number) === "interrupt") return "this library interrupts blocked calls with it; take another one";
  return undefined;
}

const FAULTS: ReadonlySet<number> = new Set([SIGSEGV, SIGBUS, SIGFPE, SIGILL]);
