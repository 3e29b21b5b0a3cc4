import * as abi from "../../ffi/abi/current.ts";
import { sigrtmax, sigrtmin } from "../../ffi/signal-set.ts";

/** A signal: its name, such as `"SIGUSR1"`, `"SIGRTMIN+3"` or `"SIGRTMAX-1"`, or its number. */
export type Signal = `SIG${string}` | number;

/**
 * The number of a signal.
 *
 * @throws {TypeError} neither a name nor a number
 * @throws {RangeError} no signal of this system, or one that the C library keeps for itself
 */
export function signalNumber(signal: Signal): number {
  const number = typeof signal === "string" ? numberOf(signal) : signal;
  if (number === undefined) {
    throw new RangeError(`The signal is "${signal}", but must be a name such as "SIGUSR1" or "SIGRTMIN+1"`);
  }
  if (typeof number !== "number") {
    throw new TypeError(`The signal is ${String(signal)}, but must be a name such as "SIGUSR1", or a number`);
  }
  const last = sigrtmax();
  if (!Number.isInteger(number) || number < 1 || number > last || (number > LAST_STANDARD && number < sigrtmin())) {
    throw new RangeError(
      `The signal is ${signal}, but must be one from 1 to ${LAST_STANDARD}, or from ${sigrtmin()} to ${last}`,
    );
  }
  return number;
}

/**
 * The numbers of several signals.
 *
 * @throws {TypeError} not an array of signals
 * @throws {RangeError} as {@link signalNumber}
 */
export function signalNumbers(signals: readonly Signal[]): number[] {
  if (Array.isArray(signals)) return signals.map(signalNumber);
  const found = typeof signals === "string" ? JSON.stringify(signals) : String(signals);
  throw new TypeError(`The signals are ${found}, but must be an array such as ["SIGUSR1"]`);
}

/** The name of a signal: of real-time ones as `"SIGRTMIN+3"`. */
export function signalName(number: number): string {
  const name = NAMES.get(number);
  if (name !== undefined) return name;
  const above = number - sigrtmin();
  if (above < 0) return String(number);
  return above === 0 ? "SIGRTMIN" : `SIGRTMIN+${above}`;
}

/** After it come the real-time signals. */
const LAST_STANDARD = 31;

const NUMBERS = new Map(
  Object.entries(abi).flatMap(([name, value]): [string, number][] =>
    /^SIG[A-Z0-9]+$/.test(name) && typeof value === "number" ? [[name, value]] : [],
  ),
);

const NAMES = new Map([...NUMBERS].map(([name, number]) => [number, name]));

function numberOf(name: string): number | undefined {
  const realTime = /^SIGRT(MIN(?:\+(\d{1,2}))?|MAX(?:-(\d{1,2}))?)$/.exec(name);
  if (realTime === null) return NUMBERS.get(name);
  const [, base = "", above = 0, below = 0] = realTime;
  const number = base.startsWith("MIN") ? sigrtmin() + Number(above) : sigrtmax() - Number(below);
  return number >= sigrtmin() && number <= sigrtmax() ? number : undefined;
}
