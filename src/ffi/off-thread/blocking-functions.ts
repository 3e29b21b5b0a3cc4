import type { Signature } from "../library.ts";

/**
 * The C functions that can be called off the thread. Each of them returns -1 on failure, takes effect as a whole or not at all, and
 * fails with `EINTR`, without having taken effect, when a signal handler runs while it blocks: signal(7) lists which do.
 */
export const BLOCKING_FUNCTIONS = {
  // ssize_t msgrcv(int msqid, void *msgp, size_t msgsz, long msgtyp, int msgflg)
  msgrcv: { parameters: ["i32", "pointer", "usize", "i64", "i32"], result: "i32" },
  // int msgsnd(int msqid, const void *msgp, size_t msgsz, int msgflg)
  msgsnd: { parameters: ["i32", "pointer", "usize", "i32"], result: "i32" },
  // int open(const char *path, int flags, mode_t mode), of a FIFO: it blocks until the other side is there
  open: { parameters: ["pointer", "i32", "u32"], result: "i32" },
} as const satisfies Record<string, Signature>;

/** The name of a C function that can be called off the thread. */
export type BlockingFunction = keyof typeof BLOCKING_FUNCTIONS;

/** The names in a fixed order: a call names its function by the index. */
export const BLOCKING_FUNCTION_NAMES = Object.keys(BLOCKING_FUNCTIONS) as BlockingFunction[];
