import { IPC_INFO, MSGINFO, SEMINFO, SHMINFO } from "./abi/current.ts";
import { lazyBind } from "./bind.ts";
import { scratch } from "./scratch.ts";
import { getMember } from "./struct.ts";
import { failedCall } from "./system-error.ts";

/** The limits of System V objects, as this IPC namespace has them. `/proc/sys/kernel` says the same, and changes them. */

const calls = lazyBind({
  msgctl: { parameters: ["i32", "i32", "buffer"], result: "i32" },
  semctl: { parameters: ["i32", "i32", "i32", "buffer"], result: "i32" },
  shmctl: { parameters: ["i32", "i32", "buffer"], result: "i32" },
});

/** Limits of message queues: `struct msginfo`. */
export interface MessageQueueLimits {
  /** Bytes of the longest message. */
  msgmax: number;
  /** Bytes that a new queue may hold. */
  msgmnb: number;
  /** Queues. */
  msgmni: number;
}

/** Limits of semaphores: `struct seminfo`. */
export interface SemaphoreLimits {
  /** Arrays. */
  semmni: number;
  /** Semaphores in all arrays. */
  semmns: number;
  /** Semaphores in an array. */
  semmsl: number;
  /** Operations of one `semop`. */
  semopm: number;
  /** The highest value. */
  semvmx: number;
}

/** Limits of shared memory: `struct shminfo`. The first and the last are beyond 2^53 on most systems, and are rounded then. */
export interface SharedMemoryLimits {
  /** Bytes of the largest segment, and of the smallest. */
  shmmax: number;
  shmmin: number;
  /** Segments. */
  shmmni: number;
  /** Pages of all segments together. */
  shmall: number;
}

/**
 * `msgctl(0, IPC_INFO, &msginfo)` — The limits of message queues.
 *
 * @see https://man7.org/linux/man-pages/man2/msgctl.2.html
 */
export function msgctlLimits(): MessageQueueLimits {
  if (calls().msgctl(0, IPC_INFO, scratch) < 0) throw failedCall("msgctl");
  return {
    msgmax: getMember(scratch, MSGINFO.msgmax),
    msgmnb: getMember(scratch, MSGINFO.msgmnb),
    msgmni: getMember(scratch, MSGINFO.msgmni),
  };
}

/**
 * `semctl(0, 0, IPC_INFO, &seminfo)` — The limits of semaphores.
 *
 * @see https://man7.org/linux/man-pages/man2/semctl.2.html
 */
export function semctlLimits(): SemaphoreLimits {
  if (calls().semctl(0, 0, IPC_INFO, scratch) < 0) throw failedCall("semctl");
  return {
    semmni: getMember(scratch, SEMINFO.semmni),
    semmns: getMember(scratch, SEMINFO.semmns),
    semmsl: getMember(scratch, SEMINFO.semmsl),
    semopm: getMember(scratch, SEMINFO.semopm),
    semvmx: getMember(scratch, SEMINFO.semvmx),
  };
}

/**
 * `shmctl(0, IPC_INFO, &shminfo)` — The limits of shared memory.
 *
 * @see https://man7.org/linux/man-pages/man2/shmctl.2.html
 */
export function shmctlLimits(): SharedMemoryLimits {
  if (calls().shmctl(0, IPC_INFO, scratch) < 0) throw failedCall("shmctl");
  return {
    shmmax: getMember(scratch, SHMINFO.shmmax),
    shmmin: getMember(scratch, SHMINFO.shmmin),
    shmmni: getMember(scratch, SHMINFO.shmmni),
    shmall: getMember(scratch, SHMINFO.shmall),
  };
}
