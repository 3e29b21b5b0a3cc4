import { domainError } from "../../error-table.ts";
import { IpcError } from "../../errors.ts";
import { O_CREAT, O_EXCL, O_NONBLOCK, O_RDONLY, O_WRONLY } from "../../ffi/abi/current.ts";
import { fstat } from "../../ffi/fd.ts";
import { type MqSize, mqClose, mqOpen, mqUnlink } from "../../ffi/mq.ts";
import { mqueueLimits } from "./mqueue-limits.ts";

/**
 * Opens the queue of a name, without waiting in the calls to come.
 *
 * @param access `O_RDONLY`, `O_WRONLY` or `O_RDWR`
 * @returns a descriptor, for `mqClose`
 * @throws {IpcError} `IPC_NOT_FOUND`, `IPC_PERMISSION`, `IPC_LIMIT`
 * @throws {SystemError} `ENAMETOOLONG`, `EINVAL` and others that a name may cause
 */
export function openQueue(name: string, access: number, what: string): number {
  try {
    return mqOpen(name, access | O_NONBLOCK);
  } catch (error) {
    throw domainError("open", error, what);
  }
}

/**
 * Makes the queue of a name.
 *
 * @param mode permission bits, less the umask
 * @param size messages and bytes; where not given, as `/proc/sys/fs/mqueue` says
 * @throws {IpcError} `IPC_EXISTS`, `IPC_PERMISSION`; `IPC_LIMIT` when it would be too large for the system, or for this user
 */
export function makeQueue(name: string, access: number, mode: number, size: MqSize | undefined, what: string): number {
  try {
    return mqOpen(name, access | O_CREAT | O_EXCL | O_NONBLOCK, mode, size);
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === "EINVAL" && size !== undefined && isTooLarge(size)) throw tooLarge(what, size, error);
    const hint = LIMITS.has(code ?? "") ? `${LIMIT_HINT}${code === "ENOSPC" ? QUEUES_HINT : ""}` : "";
    throw domainError("create", error, `${what}${code === "EEXIST" ? ". Open it, or remove it first" : hint}`);
  }
}

/** True when both descriptors are of the same queue: its inode. */
export function markOf(queue: number): number {
  // the kernel counts inodes of this file system with 32 bits
  return fstat(queue).ino | 0 || 1;
}

/**
 * Removes the name of a queue, if it still names the one of this mark.
 *
 * @returns false when it does not, or nothing has the name
 * @throws {IpcError} `IPC_PERMISSION`
 */
export function unlinkMarked(name: string, mark: number, what: string): boolean {
  for (const access of [O_RDONLY, O_WRONLY]) {
    let queue: number;
    try {
      queue = mqOpen(name, access | O_NONBLOCK);
    } catch (error) {
      const { code } = error as { code?: string };
      if (code === "ENOENT") return false;
      if (code === "EACCES") continue;
      throw domainError("remove", error, what);
    }
    const found = markOf(queue);
    mqClose(queue);
    return found === mark && unlinkQueue(name, what);
  }
  // a queue that not even its owner may open; nobody else could have put another one in its place without that
  return unlinkQueue(name, what);
}

/**
 * Removes the name of a queue. Who has it open keeps it.
 *
 * @returns false when nothing has the name
 * @throws {IpcError} `IPC_PERMISSION`
 */
export function unlinkQueue(name: string, what: string): boolean {
  try {
    mqUnlink(name);
    return true;
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") return false;
    throw domainError("remove", error, what);
  }
}

function isTooLarge({ maxmsg, msgsize }: MqSize): boolean {
  const { maxMessages, maxMessageBytes } = mqueueLimits();
  return maxmsg > maxMessages || msgsize > maxMessageBytes;
}

function tooLarge(what: string, { maxmsg, msgsize }: MqSize, cause: unknown): IpcError {
  const { maxMessages, maxMessageBytes } = mqueueLimits();
  return new IpcError(
    "IPC_LIMIT",
    `${what} for ${maxmsg} messages of ${msgsize} bytes: /proc/sys/fs/mqueue allows ${maxMessages} (msg_max) of ${maxMessageBytes} bytes (msgsize_max). Ask for less, or have these raised`,
    { cause },
  );
}

const LIMITS: ReadonlySet<string> = new Set(["EMFILE", "ENOSPC", "ENOMEM"]);
const LIMIT_HINT = ". All queues of a user count against RLIMIT_MSGQUEUE (`ulimit -q`)";
const QUEUES_HINT = ", all of the system against /proc/sys/fs/mqueue/queues_max";
