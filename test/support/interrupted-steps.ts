/** What the two processes of `interrupted-waits.test.ts` agree on. */

/** The waits, in their order. */
export const STEPS = [
  "semaphore",
  "array",
  "event",
  "mutex",
  "read",
  "write",
  "condition",
  "sysv receive",
  "sysv send",
  "posix receive",
  "posix send",
  "posix notified",
  "signal",
  "accept",
  "unix receive",
  "popen",
] as const;

export type Step = (typeof STEPS)[number];

/** What the second process opens. */
export interface Names {
  readonly memory: string;
  /** The thread that waits. */
  readonly thread: number;
  readonly semaphore: string;
  readonly array: number;
  readonly queue: number;
  readonly posix: string;
  readonly address: string;
}

/** Where things lie in the shared memory, in bytes. */
export const AT = { step: 0, mutex: 64, condition: 128, rwLock: 192, event: 256 } as const;
