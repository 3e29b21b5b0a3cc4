import type { HelpNote } from "./define-command.ts";

/** What an address looks like. */
export const ADDRESS_NOTE: HelpNote = {
  heading: "ADDRESSES",
  lines: [
    "ring:NAME       a ring in shared memory, the fastest; NAME alone means it",
    "file:PATH       the same in a file, which stays",
    "fifo:PATH       a named pipe",
    "pipe:FD         a pipe that the command inherits, such as pipe:3",
    "sysv:KEY        a System V message queue; or sysv:PATH#ID",
    "mq:/NAME        a POSIX message queue",
  ],
};
