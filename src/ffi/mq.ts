import { CLOCK_REALTIME, MQ_ATTR, O_NONBLOCK, SIGEV_NONE, SIGEV_SIGNAL, SIGEVENT } from "./abi/current.ts";
import { EAGAIN, EINTR, ETIMEDOUT } from "./abi/errno.ts";
import { lazyBind } from "./bind.ts";
import { cString } from "./c-string.ts";
import { checkInt32, checkSize, checkTimeout, checkUint32, checkView } from "./check.ts";
import { INTERRUPTED, TIMED_OUT, WOULD_BLOCK } from "./results.ts";
import { scratch, scratchAddress } from "./scratch.ts";
import { clear, getMember, setMember } from "./struct.ts";
import { failedCall, lastErrno, SystemError } from "./system-error.ts";
import { deadline, isForEver } from "./timespec.ts";

/**
 * POSIX message queues: messages with priorities, the highest first. A queue's descriptor is a file descriptor, which `poll` and
 * `epoll` take.
 */

// mq_open(3) is variadic in C; see fd.ts. A message is shorter than 2^31 bytes, so an i32 result is enough
const calls = lazyBind({
  mq_open: { parameters: ["buffer", "i32", "u32", "pointer"], result: "i32" },
  mq_close: { parameters: ["i32"], result: "i32" },
  mq_unlink: { parameters: ["buffer"], result: "i32" },
  mq_send: { parameters: ["i32", "buffer", "usize", "u32"], result: "i32" },
  mq_timedsend: { parameters: ["i32", "buffer", "usize", "u32", "pointer"], result: "i32" },
  mq_receive: { parameters: ["i32", "buffer", "usize", "buffer"], result: "i32" },
  mq_timedreceive: { parameters: ["i32", "buffer", "usize", "buffer", "pointer"], result: "i32" },
  mq_getattr: { parameters: ["i32", "buffer"], result: "i32" },
  mq_setattr: { parameters: ["i32", "buffer", "pointer"], result: "i32" },
  mq_notify: { parameters: ["i32", "pointer"], result: "i32" },
});

/** How large a queue is made. */
export interface MqSize {
  /** Messages that it holds. */
  maxmsg: number;
  /** Bytes of the longest message. */
  msgsize: number;
}

/** What the kernel tells of a queue: `struct mq_attr`. */
export interface MqAttributes extends MqSize {
  /** Whether this open of the queue has `O_NONBLOCK`. */
  nonblock: boolean;
  /** Messages in the queue now. */
  curmsgs: number;
}

/** A message that was taken. */
export interface MqMessage {
  /** Bytes of the message, at the beginning of the view. */
  length: number;
  /** From 0 to 32767. */
  priority: number;
}

/**
 * `mqd_t mq_open(const char *name, int oflag, mode_t mode, struct mq_attr *attr)` — Opens a queue. It stays until {@link mqUnlink} or
 * the next boot. The descriptor is closed in child processes.
 *
 * @param name such as `"/jobs"`: a slash at the beginning and none after it
 * @param flags `O_RDONLY`, `O_WRONLY` or `O_RDWR`, with `O_CREAT`, `O_EXCL`, `O_NONBLOCK`
 * @param mode permission bits of a queue that is created, less the umask
 * @param size of a queue that is created; else as `/proc/sys/fs/mqueue` says
 * @returns a file descriptor of this process, to be closed with {@link mqClose}
 * @throws {SystemError} `EACCES` no permission, or a slash inside of the name
 * @throws {SystemError} `EEXIST` `O_CREAT | O_EXCL` and there is one
 * @throws {SystemError} `EINVAL` a name without a slash at the beginning, or a size of 0 or beyond the limits
 * @throws {SystemError} `EMFILE`, `ENFILE` the limit of open descriptors of the process, or of the system; `EMFILE` also `RLIMIT_MSGQUEUE`
 * @throws {SystemError} `ENAMETOOLONG` the name is longer than 255 bytes
 * @throws {SystemError} `ENOENT` no queue of that name, or only a slash
 * @throws {SystemError} `ENOMEM`, `ENOSPC` no memory, or the limit of queues of the system
 * @throws {RangeError} the name holds a NUL character
 * @see https://man7.org/linux/man-pages/man3/mq_open.3.html
 *
 * @example The urgent one first
 * ```ts
 * import { mqClose, mqOpen, mqReceive, mqSend, mqUnlink, O_CREAT, O_RDWR } from "millrace/ffi";
 *
 * const queue = mqOpen("/mq-open-example", O_RDWR | O_CREAT, 0o600, { maxmsg: 4, msgsize: 100 });
 * mqSend(queue, new Uint8Array([1]), 0);
 * mqSend(queue, new Uint8Array([2]), 9);
 * console.log(mqReceive(queue, new Uint8Array(100))); // { length: 1, priority: 9 }
 * mqClose(queue);
 * mqUnlink("/mq-open-example");
 * ```
 */
export function mqOpen(name: string, flags: number, mode = 0o600, size?: MqSize): number {
  checkInt32("flags", flags);
  checkUint32("mode", mode);
  const cName = cString(name);
  let attributes = 0;
  if (size !== undefined) {
    checkSize("size.maxmsg", size.maxmsg);
    checkSize("size.msgsize", size.msgsize);
    clear(scratch, MQ_ATTR.sizeof);
    setMember(scratch, MQ_ATTR.mq_maxmsg, size.maxmsg);
    setMember(scratch, MQ_ATTR.mq_msgsize, size.msgsize);
    attributes = scratchAddress();
  }
  const queue: number = calls().mq_open(cName, flags, mode, attributes);
  if (queue < 0) throw failedCall("mq_open", name);
  return queue;
}

/**
 * `int mq_close(mqd_t mqdes)` — Closes the descriptor of a queue, and gives up the notification that it asked for.
 *
 * @throws {SystemError} `EBADF` not an open descriptor
 * @see https://man7.org/linux/man-pages/man3/mq_close.3.html
 */
export function mqClose(queue: number): void {
  checkInt32("queue", queue);
  if (calls().mq_close(queue) !== 0) throw failedCall("mq_close");
}

/**
 * `int mq_unlink(const char *name)` — Removes the name of a queue. Who has it open keeps it.
 *
 * @throws {SystemError} `EACCES` no permission, also for the queue of another user
 * @throws {SystemError} `EINVAL` a name without a slash at the beginning
 * @throws {SystemError} `ENAMETOOLONG` the name is too long
 * @throws {SystemError} `ENOENT` no queue of that name
 * @throws {RangeError} the name holds a NUL character
 * @see https://man7.org/linux/man-pages/man3/mq_unlink.3.html
 */
export function mqUnlink(name: string): void {
  if (calls().mq_unlink(cString(name)) !== 0) throw failedCall("mq_unlink", name);
}

/**
 * `int mq_send(mqd_t mqdes, const char *msg_ptr, size_t msg_len, unsigned int msg_prio)` — Puts a message into a queue, behind those of
 * the same priority, and blocks the thread while the queue is full, unless it was opened with `O_NONBLOCK`.
 *
 * @param priority from 0 to 32767
 * @returns 0 when sent, {@link WOULD_BLOCK} when the queue is full, {@link INTERRUPTED} when a signal ended the wait
 * @throws {SystemError} `EBADF` not a queue's descriptor that is open for writing
 * @throws {SystemError} `EINVAL` a priority beyond 32767
 * @throws {SystemError} `EMSGSIZE` longer than the queue allows
 * @throws {SystemError} `ENOMEM` no memory
 * @see https://man7.org/linux/man-pages/man3/mq_send.3.html
 */
export function mqSend(queue: number, message: ArrayBufferView, priority: number): number {
  checkInt32("queue", queue);
  checkView("message", message);
  checkUint32("priority", priority);
  return outcome("mq_send", calls().mq_send(queue, message, message.byteLength, priority));
}

/**
 * `int mq_timedsend(mqd_t mqdes, const char *msg_ptr, size_t msg_len, unsigned int msg_prio, const struct timespec *abs_timeout)` —
 * {@link mqSend}, which waits at most so long, by `CLOCK_REALTIME`.
 *
 * @param timeout milliseconds, also fractions; `Infinity` waits for ever
 * @returns 0 when sent, {@link TIMED_OUT}, {@link WOULD_BLOCK} when the queue is full and has `O_NONBLOCK`, {@link INTERRUPTED}
 * @throws {SystemError} as {@link mqSend}
 * @see https://man7.org/linux/man-pages/man3/mq_send.3.html
 */
export function mqTimedsend(queue: number, message: ArrayBufferView, priority: number, timeout: number): number {
  checkInt32("queue", queue);
  checkView("message", message);
  checkUint32("priority", priority);
  checkTimeout(timeout);
  if (isForEver(timeout)) return mqSend(queue, message, priority);
  const until = deadline(CLOCK_REALTIME, timeout);
  return outcome("mq_timedsend", calls().mq_timedsend(queue, message, message.byteLength, priority, until));
}

/**
 * `ssize_t mq_receive(mqd_t mqdes, char *msg_ptr, size_t msg_len, unsigned int *msg_prio)` — Takes the oldest of the messages with the
 * highest priority, and blocks the thread while there is none, unless the queue was opened with `O_NONBLOCK`.
 *
 * @param view room for the longest message of the queue
 * @returns the message, {@link WOULD_BLOCK} when there is none, {@link INTERRUPTED} when a signal ended the wait
 * @throws {SystemError} `EBADF` not a queue's descriptor that is open for reading
 * @throws {SystemError} `EMSGSIZE` less room than `msgsize`
 * @see https://man7.org/linux/man-pages/man3/mq_receive.3.html
 */
export function mqReceive(queue: number, view: ArrayBufferView): MqMessage | typeof WOULD_BLOCK | typeof INTERRUPTED {
  checkInt32("queue", queue);
  checkView("view", view);
  const length: number = calls().mq_receive(queue, view, view.byteLength, scratch);
  if (length >= 0) return { length, priority: scratch.getUint32(0, true) };
  return outcome("mq_receive", length) as typeof WOULD_BLOCK;
}

/**
 * `ssize_t mq_timedreceive(mqd_t mqdes, char *msg_ptr, size_t msg_len, unsigned int *msg_prio, const struct timespec *abs_timeout)` —
 * {@link mqReceive}, which waits at most so long, by `CLOCK_REALTIME`.
 *
 * @param timeout milliseconds, also fractions; `Infinity` waits for ever
 * @returns the message, {@link TIMED_OUT}, {@link WOULD_BLOCK} when there is none and the queue has `O_NONBLOCK`, {@link INTERRUPTED}
 * @throws {SystemError} as {@link mqReceive}
 * @see https://man7.org/linux/man-pages/man3/mq_receive.3.html
 */
export function mqTimedreceive(
  queue: number,
  view: ArrayBufferView,
  timeout: number,
): MqMessage | typeof WOULD_BLOCK | typeof INTERRUPTED | typeof TIMED_OUT {
  checkInt32("queue", queue);
  checkView("view", view);
  checkTimeout(timeout);
  if (isForEver(timeout)) return mqReceive(queue, view);
  const until = deadline(CLOCK_REALTIME, timeout);
  const length: number = calls().mq_timedreceive(queue, view, view.byteLength, scratch, until);
  if (length >= 0) return { length, priority: scratch.getUint32(0, true) };
  return outcome("mq_timedreceive", length) as typeof WOULD_BLOCK;
}

/**
 * `int mq_getattr(mqd_t mqdes, struct mq_attr *attr)` — Tells about a queue.
 *
 * @throws {SystemError} `EBADF` not a queue's descriptor
 * @see https://man7.org/linux/man-pages/man3/mq_getattr.3.html
 */
export function mqGetattr(queue: number): MqAttributes {
  checkInt32("queue", queue);
  if (calls().mq_getattr(queue, scratch) !== 0) throw failedCall("mq_getattr");
  return attributes(0);
}

/**
 * `int mq_setattr(mqd_t mqdes, const struct mq_attr *newattr, struct mq_attr *oldattr)` — Sets `O_NONBLOCK` of this open of the queue,
 * which is all that can be set.
 *
 * @returns what the queue told before
 * @throws {SystemError} `EBADF` not a queue's descriptor
 * @see https://man7.org/linux/man-pages/man3/mq_getattr.3.html
 */
export function mqSetattr(queue: number, { nonblock }: Pick<MqAttributes, "nonblock">): MqAttributes {
  checkInt32("queue", queue);
  clear(scratch, MQ_ATTR.sizeof);
  setMember(scratch, MQ_ATTR.mq_flags, nonblock ? O_NONBLOCK : 0);
  if (calls().mq_setattr(queue, scratch, scratchAddress() + MQ_ATTR.sizeof) !== 0) throw failedCall("mq_setattr");
  return attributes(MQ_ATTR.sizeof);
}

/**
 * `int mq_notify(mqd_t mqdes, const struct sigevent *sevp)` — Asks for one signal to this process, when a message comes into the
 * empty queue and nobody waits for it. One process at a time may ask. The signal goes to any thread of the process.
 *
 * @param notification the signal, and the number that comes with it; `"none"` only takes the place; `undefined` gives it up
 * @throws {SystemError} `EBADF` not a queue's descriptor
 * @throws {SystemError} `EBUSY` another process has asked
 * @throws {SystemError} `EINVAL` no such signal
 * @throws {SystemError} `ENOMEM` no memory
 * @see https://man7.org/linux/man-pages/man3/mq_notify.3.html
 */
export function mqNotify(queue: number, notification: { signal: number; value?: number } | "none" | undefined): void {
  checkInt32("queue", queue);
  let event = 0;
  if (notification !== undefined) {
    clear(scratch, SIGEVENT.sizeof);
    if (notification === "none") {
      setMember(scratch, SIGEVENT.sigev_notify, SIGEV_NONE);
    } else {
      const { signal, value = 0 } = notification;
      checkInt32("signal", signal);
      checkInt32("value", value);
      setMember(scratch, SIGEVENT.sigev_notify, SIGEV_SIGNAL);
      setMember(scratch, SIGEVENT.sigev_signo, signal);
      setMember(scratch, SIGEVENT.sigev_value_sival_int, value);
    }
    event = scratchAddress();
  }
  if (calls().mq_notify(queue, event) !== 0) throw failedCall("mq_notify");
}

/** @param base where the `struct mq_attr` begins in the scratch memory */
function attributes(base: number): MqAttributes {
  return {
    nonblock: (getMember(scratch, MQ_ATTR.mq_flags, base) & O_NONBLOCK) !== 0,
    maxmsg: getMember(scratch, MQ_ATTR.mq_maxmsg, base),
    msgsize: getMember(scratch, MQ_ATTR.mq_msgsize, base),
    curmsgs: getMember(scratch, MQ_ATTR.mq_curmsgs, base),
  };
}

function outcome(syscall: string, result: number): number {
  if (result === 0) return 0;
  const errno = lastErrno();
  if (errno === EAGAIN) return WOULD_BLOCK;
  if (errno === EINTR) return INTERRUPTED;
  if (errno === ETIMEDOUT) return TIMED_OUT;
  throw new SystemError(syscall, errno);
}
