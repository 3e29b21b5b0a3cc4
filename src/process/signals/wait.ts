import { checkSyncOptions, checkWaitOptions, type WaitOptions } from "../../wait/wait-options.ts";
import { receive } from "./receive.ts";
import type { SignalInfo } from "./signal-info.ts";
import type { Signal } from "./signal-names.ts";

/**
 * Waits for the first of these signals that comes from now on, and keeps the process alive meanwhile. One that comes before or
 * afterwards does what it does by default: use `receive` where several are expected.
 *
 * @param signals names or numbers
 * @throws {IpcError} `IPC_TIMEOUT` none came in time
 * @throws {IpcError} `IPC_ABORTED` the `AbortSignal` fired
 * @throws {IpcError} `IPC_LIMIT`, `IPC_UNSUPPORTED` as `receive`
 * @throws {RangeError} as `receive`
 *
 * @example Wait at most five seconds
 * ```ts
 * import { signals } from "millrace";
 *
 * const come = signals.wait(["SIGUSR2"], { timeout: 5000 });
 * signals.send(process.pid, "SIGUSR2");
 * console.log((await come).signal); // SIGUSR2
 * ```
 */
export async function wait(signals: readonly Signal[], options: WaitOptions = {}): Promise<SignalInfo> {
  checkWaitOptions(options);
  const receiver = receive(signals);
  try {
    return await receiver.next(options);
  } finally {
    receiver.close();
  }
}

/**
 * As {@link wait}, and blocks the thread.
 *
 * @param signals names or numbers
 * @throws {IpcError} `IPC_TIMEOUT` none came in time
 * @throws {IpcError} `IPC_LIMIT`, `IPC_UNSUPPORTED` as `receive`
 * @throws {RangeError} as `receive`
 */
export function waitSync(signals: readonly Signal[], options: Pick<WaitOptions, "timeout"> = {}): SignalInfo {
  checkSyncOptions(options);
  const receiver = receive(signals);
  try {
    return receiver.nextSync(options);
  } finally {
    receiver.close();
  }
}
