import { IpcError, type IpcErrorCode } from "./errors.ts";

/** What an adapter was doing when a system call failed. */
export type Operation =
  | "open"
  | "create"
  | "remove"
  | "send"
  | "receive"
  | "wait"
  | "operate"
  | "lock"
  | "signal"
  | "spawn";

type Codes = Readonly<Record<string, IpcErrorCode>>;

const ACCESS: Codes = { EACCES: "IPC_PERMISSION", EPERM: "IPC_PERMISSION", EROFS: "IPC_PERMISSION" };
const DESCRIPTORS: Codes = { EMFILE: "IPC_LIMIT", ENFILE: "IPC_LIMIT", ENOMEM: "IPC_LIMIT" };
const SPACE: Codes = { ENOSPC: "IPC_LIMIT", EDQUOT: "IPC_LIMIT" };

/**
 * Which errno is a domain error, by operation. What is not listed stays the `SystemError` that it is; there is no default.
 * `EIDRM` is a queue that somebody removed while it was in use.
 */
export const ERROR_TABLE: Readonly<Record<Operation, Codes>> = {
  open: { ...ACCESS, ...DESCRIPTORS, ENOENT: "IPC_NOT_FOUND", ENOTDIR: "IPC_NOT_FOUND" },
  create: {
    ...ACCESS,
    ...DESCRIPTORS,
    ...SPACE,
    EEXIST: "IPC_EXISTS",
    ENODEV: "IPC_UNSUPPORTED",
    ENOENT: "IPC_NOT_FOUND",
    ENOTDIR: "IPC_NOT_FOUND",
  },
  remove: { ...ACCESS },
  send: {
    ...ACCESS,
    ENOMEM: "IPC_LIMIT",
    EPIPE: "IPC_CLOSED",
    ETOOMANYREFS: "IPC_LIMIT",
    ECONNRESET: "IPC_PEER_GONE",
    EIDRM: "IPC_CLOSED",
  },
  receive: { ...ACCESS, ECONNRESET: "IPC_PEER_GONE", EIDRM: "IPC_CLOSED" },
  wait: { ...DESCRIPTORS, EIDRM: "IPC_CLOSED" },
  lock: { EAGAIN: "IPC_LIMIT", EBUSY: "IPC_BUSY", ENOTRECOVERABLE: "IPC_OWNER_DIED" },
  operate: { ...ACCESS, ...SPACE, ENOMEM: "IPC_LIMIT", EIDRM: "IPC_CLOSED" },
  signal: { ...ACCESS, ESRCH: "IPC_NOT_FOUND", EAGAIN: "IPC_LIMIT" },
  spawn: {
    ...ACCESS,
    ...DESCRIPTORS,
    EAGAIN: "IPC_LIMIT",
    ENOENT: "IPC_NOT_FOUND",
    ENOTDIR: "IPC_NOT_FOUND",
    ENOSYS: "IPC_UNSUPPORTED",
  },
};

/**
 * The domain error for a failed system call, or the failure unchanged where the table has no line for it.
 *
 * @param message names the address, what was tried and the remedy; the failure's own text is added
 * @returns what to throw; an `IpcError` has the failure as its `cause`
 */
export function domainError(operation: Operation, failure: unknown, message: string): unknown {
  const errno = (failure as { code?: unknown } | null)?.code;
  const codes = ERROR_TABLE[operation];
  if (typeof errno !== "string" || !Object.hasOwn(codes, errno)) return failure;
  return new IpcError(codes[errno] as IpcErrorCode, `${message}: ${(failure as Error).message}`, { cause: failure });
}
