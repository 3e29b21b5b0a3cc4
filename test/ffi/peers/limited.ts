/**
 * Takes away its own limits, first of file sizes and then of descriptors, and prints which calls fail then, and how: a line
 * of `call=CODE` per limit.
 */
import { execFileSync } from "node:child_process";
import {
  close,
  dup,
  epollCreate1,
  eventfd,
  ftruncate,
  inotifyInit1,
  memfdCreate,
  O_CREAT,
  O_RDONLY,
  O_RDWR,
  open,
  pipe2,
  posixFallocate,
  SIGXFSZ,
  SystemError,
  sigaction,
  write,
} from "../../../src/ffi/mod.ts";

const path = process.argv[2] as string;

function report(attempts: Record<string, () => unknown>): void {
  const outcomes = Object.entries(attempts).map(([name, attempt]) => {
    try {
      attempt();
      return `${name}=success`;
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      return `${name}=${error.code}`;
    }
  });
  console.log(outcomes.join(" "));
}

// its default is to end the process
sigaction(SIGXFSZ, "ignore");
const file = open(path, O_RDWR | O_CREAT);
const full = new Uint8Array(4096);
limit("--fsize=4096:unlimited");
report({
  "write within": () => write(file, full),
  write: () => write(file, full),
  ftruncate: () => ftruncate(file, 4097),
  posixFallocate: () => posixFallocate(file, 0, 4097),
});
limit("--fsize=unlimited:unlimited");
close(file);

limit("--nofile=200:200");
const taken: number[] = [];
try {
  for (;;) taken.push(open("/dev/null", O_RDONLY));
} catch (error) {
  if (!(error instanceof SystemError)) throw error;
}
const [one = -1] = taken;
report({
  open: () => open("/dev/null", O_RDONLY),
  pipe2: () => pipe2(),
  dup: () => dup(one),
  epollCreate1: () => epollCreate1(),
  eventfd: () => eventfd(),
  inotifyInit1: () => inotifyInit1(),
  memfdCreate: () => memfdCreate("one too many"),
});
for (const fd of taken) close(fd);

function limit(what: string): void {
  execFileSync("prlimit", [`--pid=${process.pid}`, what]);
}
