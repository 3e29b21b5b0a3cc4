/**
 * The stable codes of {@link IpcError}.
 *
 * | code | meaning |
 * | --- | --- |
 * | `IPC_EXISTS` | the object exists already, with properties that do not fit |
 * | `IPC_NOT_FOUND` | no object of that name |
 * | `IPC_BUSY` | another live process (or channel) holds that end |
 * | `IPC_CLOSED` | this end, or the other one, was closed |
 * | `IPC_PEER_GONE` | the other end died without closing |
 * | `IPC_TOO_LARGE` | the message does not fit in this kind of channel |
 * | `IPC_CORRUPT` | shared memory or a frame holds what no correct peer writes |
 * | `IPC_PERMISSION` | the system refused access |
 * | `IPC_LIMIT` | a limit of the system was reached (space, count, descriptors) |
 * | `IPC_LAGGED` | a receiver of a broadcast was overtaken: messages are lost to it, `missed` says how many |
 * | `IPC_UNSUPPORTED` | this runtime, platform or kind of channel lacks the operation |
 * | `IPC_TIMEOUT` | the time given was over |
 * | `IPC_ABORTED` | the `AbortSignal` fired |
 * | `IPC_OWNER_DIED` | the owner of a lock died while holding it |
 * | `IPC_WORKER_CRASHED` | a worker process or thread ended by itself |
 */
export type IpcErrorCode =
  | "IPC_EXISTS"
  | "IPC_NOT_FOUND"
  | "IPC_BUSY"
  | "IPC_CLOSED"
  | "IPC_PEER_GONE"
  | "IPC_TOO_LARGE"
  | "IPC_CORRUPT"
  | "IPC_PERMISSION"
  | "IPC_LIMIT"
  | "IPC_LAGGED"
  | "IPC_UNSUPPORTED"
  | "IPC_TIMEOUT"
  | "IPC_ABORTED"
  | "IPC_OWNER_DIED"
  | "IPC_WORKER_CRASHED";

/**
 * An error of the library's own domain. `code` never changes between versions; the message may.
 *
 * @example Tell a name that is taken from other failures
 * ```ts
 * import { Channel, IpcError } from "millrace";
 *
 * await using first = await Channel.receiver("ring:errors-example");
 * try {
 *   await Channel.receiver("ring:errors-example");
 * } catch (error) {
 *   if (!(error instanceof IpcError && error.code === "IPC_BUSY")) throw error;
 *   console.log("somebody else receives there");
 * }
 * ```
 */
export class IpcError extends Error {
  override readonly name = "IpcError";
  /** What went wrong, for programs; see {@link IpcErrorCode}. */
  readonly code: IpcErrorCode;
  /** With `IPC_LAGGED`, how many messages were missed since the last message, or since the last such error. */
  readonly missed: number | undefined;

  /**
   * @param code the stable code
   * @param message names the address, the value seen and the value that would be right; no period at the end
   * @param options `cause`: the error below this one, usually a `SystemError`; `missed`: see there
   */
  constructor(code: IpcErrorCode, message: string, options?: ErrorOptions & { readonly missed?: number }) {
    super(message, options);
    this.code = code;
    this.missed = options?.missed;
  }
}
