/** System V message queues. A message is a `struct msgbuf`: its type, a positive `long`, then its bytes. */
import { IPC_RMID, IPC_SET, IPC_STAT, MSG_INFO, MSG_STAT_ANY, MSGBUF, MSGINFO, MSQID_DS } from "./abi/current.ts";
import { EAGAIN, EIDRM, EINTR, EINVAL, ENOMSG } from "./abi/errno.ts";
import { lazyBind } from "./bind.ts";
import { cString } from "./c-string.ts";
import { checkInt32, checkInteger, checkSize, checkView } from "./check.ts";
import { INTERRUPTED, WOULD_BLOCK } from "./results.ts";
import { scratch } from "./scratch.ts";
import { getMember, setMember } from "./struct.ts";
import { failedCall, lastErrno, SystemError } from "./system-error.ts";

const calls = lazyBind({
  ftok: { parameters: ["buffer", "i32"], result: "i32" },
  msgget: { parameters: ["i32", "i32"], result: "i32" },
  msgsnd: { parameters: ["i32", "buffer", "usize", "i32"], result: "i32" },
  // the kernel's messages are shorter than 2^31, so an i32 result is enough
  msgrcv: { parameters: ["i32", "buffer", "usize", "i64", "i32"], result: "i32" },
  msgctl: { parameters: ["i32", "i32", "buffer"], result: "i32" },
});

/** Where the bytes of a message begin in its `struct msgbuf`; before them is the type. */
export const MSG_TEXT_OFFSET: number = MSGBUF.mtext.offset;

/** What the kernel tells of a queue: `struct msqid_ds`. */
export interface MessageQueueStatus {
  /** 32 bits, signed; 0 (`IPC_PRIVATE`) when no key finds the queue. */
  key: number;
  /** User and group of the owner. */
  uid: number;
  gid: number;
  /** User and group of who made it. */
  cuid: number;
  cgid: number;
  /** Permission bits. */
  mode: number;
  /** Seconds since 1970 of the last `msgsnd`, `msgrcv` and change; 0 for never. */
  stime: number;
  rtime: number;
  ctime: number;
  /** Bytes in the queue now. */
  cbytes: number;
  /** Messages in the queue now. */
  qnum: number;
  /** Bytes that it may hold. */
  qbytes: number;
  /** Process of the last `msgsnd` and of the last `msgrcv`; 0 for none. */
  lspid: number;
  lrpid: number;
}

/** What the kernel tells of all queues together: from `struct msginfo`. */
export interface MessageQueuesInfo {
  /** The highest index for {@link msgctlStatIndex} in use; 0 also when there is none. */
  highestIndex: number;
  /** Queues there are. */
  usedIds: number;
  /** Messages in all queues, and their bytes. */
  messages: number;
  bytes: number;
}

/**
 * `key_t ftok(const char *pathname, int proj_id)` — Makes a System V key from a file. It is made of the device's and the inode's low
 * bits, so two files may give the same key, and a file made anew another one.
 *
 * @param projectId the low 8 bits count, which should not be 0
 * @throws {SystemError} `EACCES`, `ELOOP`, `ENAMETOOLONG`, `ENOENT`, `ENOTDIR` as for `stat(2)`
 * @throws {RangeError} the path holds a NUL character
 * @see https://man7.org/linux/man-pages/man3/ftok.3.html
 */
export function ftok(path: string, projectId: number): number {
  checkInt32("projectId", projectId);
  const key: number = calls().ftok(cString(path), projectId);
  if (key === -1) throw failedCall("ftok", path);
  return key;
}

/**
 * `int msgget(key_t key, int msgflg)` — The queue of a key, or a new one. It stays until {@link msgctlRemove} or the next boot.
 *
 * @param key 32 bits, signed or unsigned; `IPC_PRIVATE` makes a new queue that no key finds
 * @param flags `IPC_CREAT`, `IPC_EXCL`, and permission bits
 * @returns the queue's id, the same in all processes
 * @throws {SystemError} `EACCES` no permission
 * @throws {SystemError} `EEXIST` `IPC_CREAT | IPC_EXCL` and there is one
 * @throws {SystemError} `ENOENT` no queue of that key
 * @throws {SystemError} `ENOMEM`, `ENOSPC` no memory, or the system's limit of queues
 * @see https://man7.org/linux/man-pages/man2/msgget.2.html
 */
export function msgget(key: number, flags: number): number {
  checkInteger("key", key);
  checkInt32("flags", flags);
  if (key >>> 0 !== key) checkInt32("key", key);
  const queue: number = calls().msgget(key | 0, flags);
  if (queue < 0) throw failedCall("msgget");
  return queue;
}

/**
 * `int msgsnd(int msqid, const void *msgp, size_t msgsz, int msgflg)` — Puts a message into a queue, and blocks the thread while
 * there is no room, unless with `IPC_NOWAIT`.
 *
 * @param message a `struct msgbuf`: the type, set with {@link setMessageType}, then the bytes at {@link MSG_TEXT_OFFSET}
 * @param length bytes after the type
 * @param flags `IPC_NOWAIT` or 0
 * @returns 0 when sent, {@link WOULD_BLOCK} when there is no room, {@link INTERRUPTED} when a signal ended the wait
 * @throws {SystemError} `EACCES` no permission to write
 * @throws {SystemError} `EIDRM` the queue was removed meanwhile
 * @throws {SystemError} `EINVAL` no such queue, a type below 1, or longer than `/proc/sys/kernel/msgmax`
 * @throws {SystemError} `ENOMEM` no memory
 * @throws {RangeError} `length` goes beyond the view
 * @see https://man7.org/linux/man-pages/man2/msgsnd.2.html
 */
export function msgsnd(queue: number, message: ArrayBufferView, length: number, flags: number): number {
  checkInt32("queue", queue);
  checkMessage(message, length);
  checkInt32("flags", flags);
  if (calls().msgsnd(queue, message, length, flags) === 0) return 0;
  const errno = lastErrno();
  if (errno === EAGAIN) return WOULD_BLOCK;
  if (errno === EINTR) return INTERRUPTED;
  throw new SystemError("msgsnd", errno);
}

/**
 * `ssize_t msgrcv(int msqid, void *msgp, size_t msgsz, long msgtyp, int msgflg)` — Takes a message from a queue, and blocks the
 * thread while there is none, unless with `IPC_NOWAIT`.
 *
 * @param message room for a `struct msgbuf`: see {@link messageType} and {@link MSG_TEXT_OFFSET}
 * @param length bytes of room after the type
 * @param type 0 takes the first message, a positive number the first of that type, a negative one the first of the lowest type up to it;
 * with `MSG_COPY` the place of the message, from 0
 * @param flags `IPC_NOWAIT`, `MSG_NOERROR` (cut long messages off), `MSG_EXCEPT` (the first that is not of that type), `MSG_COPY` (a copy;
 * the message stays; only together with `IPC_NOWAIT`), or 0
 * @returns the bytes after the type, {@link WOULD_BLOCK} when there is no message, {@link INTERRUPTED} when a signal ended the wait
 * @throws {SystemError} `E2BIG` the message is longer than the room; it stays in the queue
 * @throws {SystemError} `EACCES` no permission to read
 * @throws {SystemError} `EIDRM` the queue was removed meanwhile
 * @throws {SystemError} `EINVAL` no such queue, or `MSG_COPY` without `IPC_NOWAIT`, with `MSG_EXCEPT`, or of
 * a message that `MSG_NOERROR` would have to cut off
 * @throws {SystemError} `ENOSYS` `MSG_COPY`, and a kernel without `CONFIG_CHECKPOINT_RESTORE`
 * @throws {RangeError} `length` goes beyond the view
 * @see https://man7.org/linux/man-pages/man2/msgrcv.2.html
 *
 * @example Send a message to oneself
 * ```ts
 * import {
 *   IPC_NOWAIT, IPC_PRIVATE, MSG_TEXT_OFFSET, messageType, msgctlRemove, msgget, msgrcv, msgsnd, setMessageType,
 * } from "millrace/ffi";
 *
 * const queue = msgget(IPC_PRIVATE, 0o600);
 * const message = new DataView(new ArrayBuffer(MSG_TEXT_OFFSET + 100));
 * setMessageType(message, 7);
 * message.setUint8(MSG_TEXT_OFFSET, 42);
 * msgsnd(queue, message, 1, IPC_NOWAIT);
 * const length = msgrcv(queue, message, 100, 0, IPC_NOWAIT);
 * console.log(length, messageType(message), message.getUint8(MSG_TEXT_OFFSET)); // 1 7 42
 * msgctlRemove(queue);
 * ```
 */
export function msgrcv(queue: number, message: ArrayBufferView, length: number, type: number, flags: number): number {
  checkInt32("queue", queue);
  checkMessage(message, length);
  checkInteger("type", type);
  checkInt32("flags", flags);
  const count: number = calls().msgrcv(queue, message, length, type, flags);
  if (count >= 0) return count;
  const errno = lastErrno();
  if (errno === ENOMSG) return WOULD_BLOCK;
  if (errno === EINTR) return INTERRUPTED;
  throw new SystemError("msgrcv", errno);
}

/** Writes the type into a `struct msgbuf` for {@link msgsnd}. */
export function setMessageType(message: DataView, type: number): void {
  setMember(message, MSGBUF.mtype, type);
}

/** Reads the type from a `struct msgbuf` that {@link msgrcv} filled. */
export function messageType(message: DataView): number {
  return getMember(message, MSGBUF.mtype);
}

/**
 * `msgctl(msqid, IPC_STAT, &msqid_ds)` — Tells about a queue.
 *
 * @throws {SystemError} `EACCES` no permission to read
 * @throws {SystemError} `EIDRM`, `EINVAL` no such queue, any more
 * @see https://man7.org/linux/man-pages/man2/msgctl.2.html
 */
export function msgctlStat(queue: number): MessageQueueStatus {
  msgctl(queue, IPC_STAT);
  return status();
}

/**
 * `msgctl(msqid, IPC_SET, &msqid_ds)` — Changes the owner, the permission bits or the room of a queue; what is not given stays.
 *
 * @throws {SystemError} `EACCES` no permission to read the queue
 * @throws {SystemError} `EIDRM`, `EINVAL` no such queue, any more
 * @throws {SystemError} `EPERM` not the owner, or more room than `/proc/sys/kernel/msgmnb` without privilege
 * @see https://man7.org/linux/man-pages/man2/msgctl.2.html
 */
export function msgctlSet(
  queue: number,
  changes: Partial<Pick<MessageQueueStatus, "uid" | "gid" | "mode" | "qbytes">>,
): void {
  msgctl(queue, IPC_STAT);
  const { uid, gid, mode, qbytes } = changes;
  if (uid !== undefined) setMember(scratch, MSQID_DS.msg_perm_uid, uid);
  if (gid !== undefined) setMember(scratch, MSQID_DS.msg_perm_gid, gid);
  if (mode !== undefined) setMember(scratch, MSQID_DS.msg_perm_mode, mode);
  if (qbytes !== undefined) setMember(scratch, MSQID_DS.msg_qbytes, qbytes);
  msgctl(queue, IPC_SET);
}

/**
 * `msgctl(msqid, IPC_RMID, NULL)` — Removes a queue with all its messages. Whoever waits on it gets `EIDRM`.
 *
 * @throws {SystemError} `EIDRM`, `EINVAL` no such queue, any more
 * @throws {SystemError} `EPERM` not the owner
 * @see https://man7.org/linux/man-pages/man2/msgctl.2.html
 */
export function msgctlRemove(queue: number): void {
  msgctl(queue, IPC_RMID);
}

/**
 * `msgctl(0, MSG_INFO, &msginfo)` — Tells about all queues together.
 *
 * @see https://man7.org/linux/man-pages/man2/msgctl.2.html
 */
export function msgctlInfo(): MessageQueuesInfo {
  const highestIndex = msgctl(0, MSG_INFO);
  return {
    highestIndex,
    usedIds: getMember(scratch, MSGINFO.msgpool),
    messages: getMember(scratch, MSGINFO.msgmap),
    bytes: getMember(scratch, MSGINFO.msgtql),
  };
}

/**
 * `msgctl(index, MSG_STAT_ANY, &msqid_ds)` — Tells about the queue at an index of the kernel's table, also one that this user may not
 * read. To list all, ask for each index from 0 to {@link MessageQueuesInfo.highestIndex}.
 *
 * @returns with its id; `undefined` when there is no queue at that index, or none any more
 * @see https://man7.org/linux/man-pages/man2/msgctl.2.html
 */
export function msgctlStatIndex(index: number): (MessageQueueStatus & { id: number }) | undefined {
  checkInt32("index", index);
  const id: number = calls().msgctl(index, MSG_STAT_ANY, scratch);
  if (id >= 0) return { id, ...status() };
  const errno = lastErrno();
  if (errno === EINVAL || errno === EIDRM) return undefined;
  throw new SystemError("msgctl", errno);
}

function msgctl(queue: number, operation: number): number {
  checkInt32("queue", queue);
  const result: number = calls().msgctl(queue, operation, scratch);
  if (result < 0) throw failedCall("msgctl");
  return result;
}

function status(): MessageQueueStatus {
  return {
    key: getMember(scratch, MSQID_DS.msg_perm___key),
    uid: getMember(scratch, MSQID_DS.msg_perm_uid),
    gid: getMember(scratch, MSQID_DS.msg_perm_gid),
    cuid: getMember(scratch, MSQID_DS.msg_perm_cuid),
    cgid: getMember(scratch, MSQID_DS.msg_perm_cgid),
    mode: getMember(scratch, MSQID_DS.msg_perm_mode),
    stime: getMember(scratch, MSQID_DS.msg_stime),
    rtime: getMember(scratch, MSQID_DS.msg_rtime),
    ctime: getMember(scratch, MSQID_DS.msg_ctime),
    cbytes: getMember(scratch, MSQID_DS.msg_cbytes),
    qnum: getMember(scratch, MSQID_DS.msg_qnum),
    qbytes: getMember(scratch, MSQID_DS.msg_qbytes),
    lspid: getMember(scratch, MSQID_DS.msg_lspid),
    lrpid: getMember(scratch, MSQID_DS.msg_lrpid),
  };
}

function checkMessage(message: ArrayBufferView, length: number): void {
  checkView("message", message);
  checkSize("length", length);
  const room = message.byteLength - MSG_TEXT_OFFSET;
  if (length > room)
    throw new RangeError(`length is ${length}, but the message has room for ${room} bytes after its type`);
}
