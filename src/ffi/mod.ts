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
export * from "./epoll.ts";
export * from "./eventfd.ts";
export * from "./fcntl.ts";
export * from "./fd.ts";
export * from "./fifo.ts";
export * from "./futex.ts";
export * from "./ids.ts";
export * from "./inotify.ts";
export type { BackendName, Library, NativeFunction, NativeType, Signature } from "./library.ts";
export * from "./lock.ts";
export * from "./memfd.ts";
export * from "./mmap.ts";
export * from "./msg.ts";
export { type PollEntry, poll, pollOne } from "./poll.ts";
export { recommendedLibrary } from "./recommended.ts";
export * from "./rename.ts";
export * from "./results.ts";
export * from "./signal.ts";
export * from "./sysconf.ts";
export { SystemError } from "./system-error.ts";
