/** The kinds of objects that outlive the process that made them. */
export type ObjectKind =
  | "sysv-shm"
  | "sysv-msg"
  | "sysv-sem"
  | "posix-shm"
  | "posix-sem"
  | "posix-mq"
  | "fifo"
  | "unix-socket"
  | "ring";

/** All of them, in the order in which they are listed. */
export const OBJECT_KINDS: readonly ObjectKind[] = [
  "ring",
  "fifo",
  "unix-socket",
  "posix-shm",
  "posix-sem",
  "posix-mq",
  "sysv-shm",
  "sysv-msg",
  "sysv-sem",
];
