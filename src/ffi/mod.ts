/**
 * Calls to libc, without a native add-on: one function per call, under its C name in camelCase. A call that fails throws a
 * {@link SystemError}; would-block, interrupted and empty are values where the caller expects them. Descriptors are closed in
 * child processes unless `setDescriptorFlags` says otherwise.
 *
 * These functions do what C does: a wrong address or a descriptor that is somebody else's ends badly.
 *
 * @module
 */
export * from "./abi/current.ts";
export * from "./abi/errno.ts";
export * from "./clock.ts";
export * from "./epoll.ts";
export * from "./eventfd.ts";
export * from "./fallocate.ts";
export * from "./fcntl.ts";
export * from "./fd.ts";
export * from "./fifo.ts";
export * from "./flock.ts";
export * from "./futex.ts";
export * from "./ids.ts";
export * from "./inotify.ts";
export * from "./ioctl.ts";
export * from "./lease.ts";
export type { BackendName, Library, NativeFunction, NativeType, Signature } from "./library.ts";
export * from "./link.ts";
export * from "./lock.ts";
export * from "./membarrier.ts";
export * from "./memfd.ts";
export * from "./mmap.ts";
export * from "./mq.ts";
export * from "./msg.ts";
export * from "./pidfd.ts";
export { type PollEntry, poll, pollOne } from "./poll.ts";
export * from "./posix-sem.ts";
export * from "./posix-shm.ts";
export * from "./process-group.ts";
export * from "./pthread-cond.ts";
export * from "./pthread-mutex.ts";
export * from "./pthread-rwlock.ts";
export { recommendedLibrary } from "./recommended.ts";
export * from "./rename.ts";
export * from "./results.ts";
export * from "./rlimit.ts";
export * from "./robust-list.ts";
export * from "./sem.ts";
export * from "./shm.ts";
export * from "./signal.ts";
export { installSignalPipe, type SignalPipe } from "./signal-handler.ts";
export { sigrtmax, sigrtmin } from "./signal-set.ts";
export * from "./signal-wait.ts";
export * from "./socket.ts";
export * from "./socket-message.ts";
export * from "./spawn.ts";
export * from "./splice.ts";
export * from "./sysconf.ts";
export { SystemError } from "./system-error.ts";
export * from "./sysv-limits.ts";
export type { ChildStatus } from "./wait-status.ts";
