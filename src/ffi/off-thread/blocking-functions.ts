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
  // int connect(int sockfd, const struct sockaddr *addr, socklen_t addrlen), of a unix socket: it blocks while the queue of who listens is full
  connect: { parameters: ["i32", "pointer", "u32"], result: "i32" },
  // int open(const char *path, int flags, mode_t mode), of a FIFO: it blocks until the other side is there
  open: { parameters: ["pointer", "i32", "u32"], result: "i32" },
  // int sem_wait(sem_t *sem)
  sem_wait: { parameters: ["pointer"], result: "i32" },
  // int msync(void *addr, size_t length, int flags): no signal ends it before the disk is done
  msync: { parameters: ["pointer", "usize", "i32"], result: "i32" },
  // int semop(int semid, struct sembuf *sops, size_t nsops)
  semop: { parameters: ["i32", "pointer", "usize"], result: "i32" },
  // long syscall(SYS_futex, uint32_t *uaddr, int futex_op, uint32_t val, const struct timespec *timeout, uint32_t *uaddr2, uint32_t val3)
  syscall: { parameters: ["i64", "pointer", "i32", "i32", "pointer", "pointer", "i32"], result: "i32" },
} as const satisfies Record<string, Signature>;

/** What takes several C functions, by the number of its arguments; see `blocking-sequences.ts`. */
export const BLOCKING_SEQUENCES = {
  awaitUnlocked: 3,
  awaitCondition: 3,
  lockRwlock: 4,
} as const;

/** The name of a sequence that can be run off the thread. */
export type BlockingSequence = keyof typeof BLOCKING_SEQUENCES;

/** The name of a C function, or a sequence of them, that can be called off the thread. */
export type BlockingFunction = keyof typeof BLOCKING_FUNCTIONS | BlockingSequence;

/** The names in a fixed order: a call names its function by the index. */
export const BLOCKING_FUNCTION_NAMES = [
  ...Object.keys(BLOCKING_FUNCTIONS),
  ...Object.keys(BLOCKING_SEQUENCES),
] as BlockingFunction[];

/** How many arguments a function takes. */
export function argumentCount(name: BlockingFunction): number {
  if (name in BLOCKING_SEQUENCES) return BLOCKING_SEQUENCES[name as BlockingSequence];
  return BLOCKING_FUNCTIONS[name as keyof typeof BLOCKING_FUNCTIONS].parameters.length;
}
