/**
 * What processes wait for each other with: locks, semaphores and events that they share.
 *
 * @module
 */
export type { SemaphoreArrayStatus as SysvSemaphoreArrayStatus } from "../ffi/sem.ts";
export { Condition } from "./condition.ts";
export { Event, type EventOptions } from "./event.ts";
export { Mutex, type MutexOptions } from "./mutex.ts";
export type { MutexGuard } from "./mutex-guard.ts";
export type { SemaphoreOptions } from "./named-semaphore.ts";
export type { SysvArrayOptions } from "./open-sysv-array.ts";
export type { SharedPlace } from "./place.ts";
export { RwLock } from "./rw-lock.ts";
export type { RwLockGuard } from "./rw-lock-guard.ts";
export { Semaphore } from "./semaphore.ts";
export { SysvSemaphoreArray, type SysvSemaphoreOperation } from "./sysv-semaphore-array.ts";
