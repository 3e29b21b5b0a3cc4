import { EPOLL_CLOEXEC, EPOLL_CTL_DEL, EPOLL_EVENT } from "./abi/current.ts";
import { lazyBind } from "./bind.ts";
import { checkInt32, checkSize, checkTimeout, checkUint32 } from "./check.ts";
import { waitReady } from "./poll.ts";
import { scratch } from "./scratch.ts";
import { getMember, setMember } from "./struct.ts";
import { failedCall } from "./system-error.ts";

const calls = lazyBind({
  epoll_create1: { parameters: ["i32"], result: "i32" },
  epoll_ctl: { parameters: ["i32", "i32", "i32", "buffer"], result: "i32" },
  epoll_wait: { parameters: ["i32", "buffer", "i32", "i32"], result: "i32" },
});

/** Something that happened: `struct epoll_event`. */
export interface EpollEvent {
  /** `EPOLLIN`, `EPOLLOUT`, `EPOLLRDHUP`, `EPOLLERR`, `EPOLLHUP`. */
  events: number;
  /** What was given to {@link epollCtl}. */
  data: number;
}

/**
 * `int epoll_create1(int flags)` — Makes an epoll instance, with `EPOLL_CLOEXEC` added to the flags.
 *
 * @returns its descriptor, to be closed with {@link close}
 * @throws {SystemError} `EINVAL` an unknown flag
 * @throws {SystemError} `EMFILE`, `ENFILE` the limit of open descriptors of the process, or of the system
 * @throws {SystemError} `ENOMEM` no memory in the kernel
 * @see https://man7.org/linux/man-pages/man2/epoll_create1.2.html
 */
export function epollCreate1(flags = 0): number {
  checkInt32("flags", flags);
  const fd: number = calls().epoll_create1(flags | EPOLL_CLOEXEC);
  if (fd < 0) throw failedCall("epoll_create1");
  return fd;
}

/**
 * `int epoll_ctl(int epfd, int op, int fd, struct epoll_event *event)` — Adds a descriptor to an epoll instance, changes or removes
 * it. It is removed by itself when its open file is closed, which takes all its duplicates.
 *
 * @param operation `EPOLL_CTL_ADD`, `EPOLL_CTL_MOD` or `EPOLL_CTL_DEL`
 * @param events `EPOLLIN`, `EPOLLOUT`, with `EPOLLONESHOT`, `EPOLLET` and others; `EPOLLERR` and `EPOLLHUP` are always looked for
 * @param data comes back with each event; a safe integer, by default the descriptor
 * @throws {SystemError} `EBADF` not an open descriptor
 * @throws {SystemError} `EEXIST` added already
 * @throws {SystemError} `EINVAL` not an epoll instance, or a combination that is not allowed
 * @throws {SystemError} `ELOOP` epoll instances that watch each other
 * @throws {SystemError} `ENOENT` changing or removing what was not added
 * @throws {SystemError} `ENOMEM` no memory in the kernel
 * @throws {SystemError} `ENOSPC` the user's limit of watches
 * @throws {SystemError} `EPERM` a file that is always ready, such as a regular one
 * @see https://man7.org/linux/man-pages/man2/epoll_ctl.2.html
 */
export function epollCtl(epfd: number, operation: number, fd: number, events = 0, data?: number): void {
  checkInt32("epfd", epfd);
  checkInt32("operation", operation);
  checkInt32("fd", fd);
  checkUint32("events", events);
  if (operation !== EPOLL_CTL_DEL) {
    if (data !== undefined) checkSize("data", data);
    setMember(scratch, EPOLL_EVENT.events, events);
    setMember(scratch, EPOLL_EVENT.data_u64, data ?? fd);
  }
  if (calls().epoll_ctl(epfd, operation, fd, scratch) !== 0) throw failedCall("epoll_ctl");
}

/**
 * `int epoll_wait(int epfd, struct epoll_event *events, int maxevents, int timeout)` — Blocks the thread until something happens to one
 * of the descriptors. Goes on when a signal interrupts it.
 *
 * @param timeout milliseconds; 0 only looks, `Infinity` waits for ever
 * @param maxEvents 1 to 256
 * @returns what happened, nothing when the time is over
 * @throws {SystemError} `EBADF` not an open descriptor
 * @throws {SystemError} `EINVAL` not an epoll instance
 * @see https://man7.org/linux/man-pages/man2/epoll_wait.2.html
 */
export function epollWait(epfd: number, timeout: number, maxEvents = MOST_EVENTS): EpollEvent[] {
  checkInt32("epfd", epfd);
  checkTimeout(timeout);
  checkInt32("maxEvents", maxEvents);
  if (maxEvents < 1 || maxEvents > MOST_EVENTS)
    throw new RangeError(`maxEvents is ${maxEvents}, but must be 1 to ${MOST_EVENTS}`);
  const count = waitReady(timeout, "epoll_wait", (left) => calls().epoll_wait(epfd, scratch, maxEvents, left));
  const happened: EpollEvent[] = [];
  for (let base = 0; happened.length < count; base += EPOLL_EVENT.sizeof) {
    happened.push({
      events: getMember(scratch, EPOLL_EVENT.events, base),
      data: getMember(scratch, EPOLL_EVENT.data_u64, base),
    });
  }
  return happened;
}

/** What fits in {@link scratch} on every platform. */
const MOST_EVENTS = 256;
