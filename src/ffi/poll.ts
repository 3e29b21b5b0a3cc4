import { POLLFD } from "./abi/current.ts";
import { EINTR } from "./abi/errno.ts";
import { lazyBind } from "./bind.ts";
import { checkInt32, checkTimeout } from "./check.ts";
import { scratch } from "./scratch.ts";
import { getMember, setMember } from "./struct.ts";
import { lastErrno, SystemError } from "./system-error.ts";

const calls = lazyBind({
  poll: { parameters: ["buffer", "u64", "i32"], result: "i32" },
});

/** A descriptor to look at: `struct pollfd`. */
export interface PollEntry {
  /** A negative one is passed over. */
  fd: number;
  /** What to wait for: `POLLIN`, `POLLOUT`, `POLLPRI`, `POLLRDHUP`. */
  events: number;
  /** What is the case, set by {@link poll}: those, or `POLLERR`, `POLLHUP`, `POLLNVAL`. */
  revents: number;
}

/**
 * `int poll(struct pollfd *fds, nfds_t nfds, int timeout)` — Blocks the thread until one of the descriptors is ready. Goes on when a
 * signal interrupts it.
 *
 * @param entries their `revents` are set
 * @param timeout milliseconds; 0 only looks, `Infinity` waits for ever
 * @returns how many have `revents` other than 0; 0 when the time is over
 * @throws {SystemError} `EINVAL` more entries than descriptors are allowed
 * @throws {SystemError} `ENOMEM` no memory in the kernel
 * @see https://man7.org/linux/man-pages/man2/poll.2.html
 */
export function poll(entries: readonly PollEntry[], timeout: number): number {
  checkTimeout(timeout);
  const bytes = entries.length * POLLFD.sizeof;
  const list = bytes <= scratch.byteLength ? scratch : new DataView(new ArrayBuffer(bytes));
  let base = 0;
  for (const { fd, events } of entries) {
    fillEntry(list, base, fd, events);
    base += POLLFD.sizeof;
  }
  const count = pollFilled(list, entries.length, timeout);
  base = 0;
  for (const entry of entries) {
    entry.revents = getMember(list, POLLFD.revents, base);
    base += POLLFD.sizeof;
  }
  return count;
}

/**
 * {@link poll} for one descriptor.
 *
 * @param events what to wait for: `POLLIN`, `POLLOUT`
 * @param timeout milliseconds; 0 only looks, `Infinity` waits for ever
 * @returns what is the case: a mask of `POLLIN`, `POLLOUT`, `POLLERR`, `POLLHUP`, `POLLNVAL`; 0 when the time is over
 * @throws {SystemError} `ENOMEM` no memory in the kernel
 * @see https://man7.org/linux/man-pages/man2/poll.2.html
 *
 * @example Wait at most a second for something to read
 * ```ts
 * import { close, pipe2, POLLIN, pollOne, write } from "millrace/ffi";
 *
 * const [readEnd, writeEnd] = pipe2();
 * write(writeEnd, new Uint8Array(1));
 * console.log(pollOne(readEnd, POLLIN, 1000) === POLLIN); // true
 * close(readEnd);
 * close(writeEnd);
 * ```
 */
export function pollOne(fd: number, events: number, timeout: number): number {
  checkTimeout(timeout);
  fillEntry(scratch, 0, fd, events);
  return pollFilled(scratch, 1, timeout) === 0 ? 0 : getMember(scratch, POLLFD.revents);
}

function fillEntry(list: DataView, base: number, fd: number, events: number): void {
  checkInt32("fd", fd);
  checkInt32("events", events);
  setMember(list, POLLFD.fd, fd, base);
  setMember(list, POLLFD.events, events, base);
  setMember(list, POLLFD.revents, 0, base);
}

function pollFilled(list: DataView, count: number, timeout: number): number {
  return waitReady(timeout, "poll", (milliseconds) => calls().poll(list, count, milliseconds));
}

/**
 * Calls a function of the poll family until it has a result, it fails, or the time is over.
 *
 * @param call gets milliseconds as C wants them, -1 for ever, and gives what C returned
 */
export function waitReady(timeout: number, syscall: string, call: (milliseconds: number) => number): number {
  const end = timeout === 0 ? 0 : performance.now() + timeout;
  for (let left = timeout; ; left = end - performance.now()) {
    const milliseconds = left === Number.POSITIVE_INFINITY ? -1 : Math.max(0, Math.min(Math.ceil(left), LONGEST));
    const count = call(milliseconds);
    if (count > 0) return count;
    if (count < 0) {
      const errno = lastErrno();
      if (errno !== EINTR) throw new SystemError(syscall, errno);
    } else if (timeout === 0 || performance.now() >= end) {
      return 0;
    }
  }
}

/** The longest wait that a C `int` of milliseconds can say. */
const LONGEST = 2 ** 31 - 1;
