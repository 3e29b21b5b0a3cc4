/**
 * Takes away its own limits, first of file sizes, then of descriptors, of signals, and as another user of more, and prints which calls fail then, and how: a line
 * of `call=CODE` per limit.
 */
import { execFileSync } from "node:child_process";
import { lazyBind } from "../../../src/ffi/bind.ts";
import {
  accept4,
  bind,
  close,
  connect,
  dup,
  epollCreate1,
  eventfd,
  fallocate,
  ftruncate,
  getpid,
  getrlimit,
  gettid,
  IPC_PRIVATE,
  inotifyInit1,
  listen,
  memfdCreate,
  mqOpen,
  O_CREAT,
  O_RDONLY,
  O_RDWR,
  open,
  pidfdOpen,
  pipe2,
  posixFallocate,
  posixSpawn,
  posixSpawnp,
  RLIMIT_MEMLOCK,
  RLIMIT_NPROC,
  rtTgsigqueueinfo,
  SHM_HUGETLB,
  SIGUSR1,
  SIGXFSZ,
  SOCK_STREAM,
  SystemError,
  semOpen,
  sendmsg,
  setrlimit,
  shmctlLock,
  shmctlRemove,
  shmget,
  shmOpen,
  sigaction,
  signalfd,
  sigqueue,
  sigrtmin,
  socket,
  socketpair,
  write,
} from "../../../src/ffi/mod.ts";
import { interruptEvery } from "../../../src/ffi/off-thread/interrupt.ts";
import { asNobody, isRoot } from "../../support/as-nobody.ts";
import { uniqueName } from "../../support/unique-name.ts";

const groups = lazyBind({ setresgid: { parameters: ["i32", "i32", "i32"], result: "i32" } });

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
  fallocate: () => fallocate(file, 0, 0, 4097),
});
limit("--fsize=unlimited:unlimited");
close(file);

limit("--nofile=200:200");
const name = `/${uniqueName("limited")}`;
const server = socket(SOCK_STREAM);
bind(server, `\0${name}`);
listen(server, 1);
const client = socket(SOCK_STREAM);
connect(client, `\0${name}`);
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
report({
  signalfd: () => signalfd([SIGUSR1]),
  pidfdOpen: () => pidfdOpen(getpid()),
  shmOpen: () => shmOpen(name, O_RDWR | O_CREAT),
  semOpen: () => semOpen(name, O_RDWR | O_CREAT),
  mqOpen: () => mqOpen(name, O_RDWR | O_CREAT),
  socket: () => socket(SOCK_STREAM),
  socketpair: () => socketpair(SOCK_STREAM),
  accept4: () => accept4(server),
});
for (const fd of [...taken, client, server]) close(fd);

// a real-time signal takes one of the signals that may wait, and so does a timer
limit("--sigpending=0");
report({
  sigqueue: () => sigqueue(getpid(), sigrtmin(), 0),
  rtTgsigqueueinfo: () => rtTgsigqueueinfo(getpid(), gettid(), sigrtmin(), 0),
  interruptEvery: () => interruptEvery(1000),
});

if (isRoot()) {
  const [one, two] = socketpair(SOCK_STREAM);
  const hundred = { descriptors: Array.from({ length: 100 }, () => two) };
  setrlimit(RLIMIT_NPROC, { soft: 0, hard: getrlimit(RLIMIT_NPROC).hard });
  setrlimit(RLIMIT_MEMLOCK, { soft: 1, hard: getrlimit(RLIMIT_MEMLOCK).hard });
  // without root's group, whose members may have large pages
  groups().setresgid(65_534, 65_534, 0);
  const segment = asNobody(() => shmget(IPC_PRIVATE, 8192, 0o600));
  report({
    posixSpawn: () => asNobody(() => posixSpawn("/bin/true", ["true"])),
    posixSpawnp: () => asNobody(() => posixSpawnp("true", ["true"])),
    shmctlLock: () => asNobody(() => shmctlLock(segment)),
    "shmget SHM_HUGETLB": () => asNobody(() => shmget(IPC_PRIVATE, 1 << 21, SHM_HUGETLB | 0o600)),
    sendmsg: () =>
      asNobody(() => {
        for (let count = 0; count < 10; count++) sendmsg(one, new Uint8Array(1), hundred);
      }),
  });
  shmctlRemove(segment);
  close(one);
  close(two);
}

function limit(what: string): void {
  execFileSync("prlimit", [`--pid=${process.pid}`, what]);
}
