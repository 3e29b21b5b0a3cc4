import { IpcError } from "../errors.ts";

/** How long to wait. */
export interface WaitOptions {
  /** Milliseconds; past them the call ends with `IPC_TIMEOUT`. Default: no limit. */
  timeout?: number;
  /** Ends the call with `IPC_ABORTED`. */
  signal?: AbortSignal;
}

/**
 * Checks the options of a call that waits, before it does anything.
 *
 * @param others names of the options that the call has besides
 * @throws {TypeError} when an option has the wrong type, or when there is no such option: with a misspelt one it could wait for ever
 * @throws {RangeError} when the timeout is negative or not a number
 */
export function checkWaitOptions(options: WaitOptions, others: readonly string[] = []): void {
  if (options === null || typeof options !== "object") {
    throw new TypeError(`Options to wait are an object { timeout, signal }, not ${JSON.stringify(options)}`);
  }
  const { timeout, signal } = options;
  if (timeout !== undefined) checkTimeout(timeout);
  if (signal !== undefined) checkSignal(signal);
  for (const name in options) {
    if (name !== "timeout" && name !== "signal" && !others.includes(name)) refuseName(name, options, others);
  }
}

/** @throws {TypeError} when the option has a value */
function refuseName(name: string, options: object, others: readonly string[]): void {
  if ((options as Record<string, unknown>)[name] === undefined) return;
  const known = ["timeout", "signal", ...others].join(", ");
  throw new TypeError(`There is no option "${name}" of this call: it takes { ${known} }`);
}

/** The same for a call that blocks the thread, where no `AbortSignal` could ever fire. */
export function checkSyncOptions(options: WaitOptions, others?: readonly string[]): void {
  checkWaitOptions(options, others);
  if (options.signal !== undefined) {
    throw new TypeError(
      "A call that blocks the thread cannot be aborted: give it a timeout, or await the form without Sync",
    );
  }
}

/** @throws {TypeError | RangeError} when `timeout` is not a number of milliseconds from 0 to `Infinity` */
export function checkTimeout(timeout: number): void {
  if (typeof timeout !== "number") {
    throw new TypeError(`The timeout is of type ${typeof timeout}, but must be a number of milliseconds`);
  }
  if (!(timeout >= 0)) {
    throw new RangeError(`The timeout is ${timeout}, but must be a number of milliseconds from 0 to Infinity`);
  }
}

/** @throws {TypeError} when `signal` is not an `AbortSignal` */
export function checkSignal(signal: AbortSignal): void {
  if (typeof signal?.aborted === "boolean" && typeof signal.addEventListener === "function") return;
  throw new TypeError(`The signal is ${String(signal)}, but must be an AbortSignal`);
}

/**
 * The error of a call whose signal fired.
 *
 * @param what the call and its channel, such as `receive() on ring:frames`
 */
export function abortedError(what: string, signal: AbortSignal): IpcError {
  return new IpcError("IPC_ABORTED", `${what} was aborted`, { cause: signal.reason });
}

/** The error of a call whose time was over. */
export function timeoutError(what: string, timeout: number): IpcError {
  return new IpcError("IPC_TIMEOUT", `${what} did not end within ${timeout} ms`);
}
