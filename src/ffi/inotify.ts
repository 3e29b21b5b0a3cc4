import { IN_CLOEXEC, INOTIFY_EVENT } from "./abi/current.ts";
import { lazyBind } from "./bind.ts";
import { cString } from "./c-string.ts";
import { checkInt32, checkUint32 } from "./check.ts";
import { getMember } from "./struct.ts";
import { failedCall } from "./system-error.ts";

const calls = lazyBind({
  inotify_init1: { parameters: ["i32"], result: "i32" },
  inotify_add_watch: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  inotify_rm_watch: { parameters: ["i32", "i32"], result: "i32" },
});

/** Something that happened to a watched file: `struct inotify_event`. */
export interface InotifyEvent {
  /** What {@link inotifyAddWatch} returned; -1 with `IN_Q_OVERFLOW`. */
  watch: number;
  /** What happened: `IN_CREATE`, `IN_DELETE_SELF`, `IN_IGNORED` and others. */
  mask: number;
  /** Joins `IN_MOVED_FROM` with its `IN_MOVED_TO`; 0 otherwise. */
  cookie: number;
  /** The name inside of a watched folder; empty for the watched file itself. */
  name: string;
}

/**
 * `int inotify_init1(int flags)` — Makes an inotify instance, with `IN_CLOEXEC` added to the flags. {@link read} it into at least
 * 4096 bytes and give what was read to {@link decodeInotifyEvents}.
 *
 * @param flags `IN_NONBLOCK`
 * @returns its descriptor, to be closed with {@link close}
 * @throws {SystemError} `EINVAL` an unknown flag
 * @throws {SystemError} `EMFILE`, `ENFILE` the limit of open descriptors or of inotify instances
 * @throws {SystemError} `ENOMEM` no memory in the kernel
 * @see https://man7.org/linux/man-pages/man2/inotify_init1.2.html
 *
 * @example See a file appear
 * ```ts
 * import { rmSync, writeFileSync } from "node:fs";
 * import { tmpdir } from "node:os";
 * import { close, decodeInotifyEvents, IN_CREATE, inotifyAddWatch, inotifyInit1, read } from "millrace/ffi";
 *
 * const inotify = inotifyInit1();
 * inotifyAddWatch(inotify, tmpdir(), IN_CREATE);
 * writeFileSync(`${tmpdir()}/appears`, "");
 * const bytes = new Uint8Array(4096);
 * const events = decodeInotifyEvents(bytes.subarray(0, read(inotify, bytes)));
 * console.log(events[0]?.name); // appears
 * rmSync(`${tmpdir()}/appears`);
 * close(inotify);
 * ```
 */
export function inotifyInit1(flags = 0): number {
  checkInt32("flags", flags);
  const fd: number = calls().inotify_init1(flags | IN_CLOEXEC);
  if (fd < 0) throw failedCall("inotify_init1");
  return fd;
}

/**
 * `int inotify_add_watch(int fd, const char *pathname, uint32_t mask)` — Watches a file or folder, or changes how it is watched.
 *
 * @param mask such as `IN_CREATE | IN_DELETE_SELF | IN_ONLYDIR`
 * @returns the watch descriptor, which names it in events
 * @throws {SystemError} `EACCES` no permission to read the file
 * @throws {SystemError} `EBADF` not an open descriptor
 * @throws {SystemError} `EEXIST` `IN_MASK_CREATE` and it is watched already
 * @throws {SystemError} `EINVAL` a mask without events, or not an inotify instance
 * @throws {SystemError} `ENAMETOOLONG` the path is too long
 * @throws {SystemError} `ENOENT` no such file
 * @throws {SystemError} `ENOMEM`, `ENOSPC` no memory, or the user's limit of watches
 * @throws {SystemError} `ENOTDIR` `IN_ONLYDIR` and it is not a folder
 * @throws {RangeError} the path holds a NUL character
 * @see https://man7.org/linux/man-pages/man2/inotify_add_watch.2.html
 */
export function inotifyAddWatch(fd: number, path: string, mask: number): number {
  checkInt32("fd", fd);
  checkUint32("mask", mask);
  const watch: number = calls().inotify_add_watch(fd, cString(path), mask);
  if (watch < 0) throw failedCall("inotify_add_watch", path);
  return watch;
}

/**
 * `int inotify_rm_watch(int fd, int wd)` — Ends a watch, which an event `IN_IGNORED` confirms.
 *
 * @throws {SystemError} `EBADF` not an open descriptor
 * @throws {SystemError} `EINVAL` not a watch of this instance, or not an inotify instance
 * @see https://man7.org/linux/man-pages/man2/inotify_rm_watch.2.html
 */
export function inotifyRmWatch(fd: number, watch: number): void {
  checkInt32("fd", fd);
  checkInt32("watch", watch);
  if (calls().inotify_rm_watch(fd, watch) !== 0) throw failedCall("inotify_rm_watch");
}

/**
 * The events in what was read from an inotify descriptor. The kernel gives only whole ones.
 *
 * @param bytes exactly what was read
 */
export function decodeInotifyEvents(bytes: Uint8Array): InotifyEvent[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const events: InotifyEvent[] = [];
  for (let base = 0; base < bytes.length; ) {
    const nameStart = base + INOTIFY_EVENT.sizeof;
    const nameEnd = nameStart + getMember(view, INOTIFY_EVENT.len, base);
    const padded = bytes.slice(nameStart, nameEnd);
    const length = padded.indexOf(0);
    events.push({
      watch: getMember(view, INOTIFY_EVENT.wd, base),
      mask: getMember(view, INOTIFY_EVENT.mask, base),
      cookie: getMember(view, INOTIFY_EVENT.cookie, base),
      name: decoder.decode(length < 0 ? padded : padded.subarray(0, length)),
    });
    base = nameEnd;
  }
  return events;
}

const decoder = new TextDecoder();
