/**
 * Has the kernel refuse system calls of its main thread, by filters (seccomp(2)) that stay until it ends, and prints each call that does
 * not fail with the errno of the filter, then how many were tried. Its argument is the program that knows the numbers of system calls.
 */
import { writeSync } from "node:fs";
import * as errno from "../../../src/ffi/abi/errno.ts";
import * as c from "../../../src/ffi/mod.ts";
import { interruptEvery } from "../../../src/ffi/off-thread/interrupt.ts";
import { refuse, systemCallNumbers } from "../../support/refuse-system-call.ts";

const program = process.argv[2] as string;

/** System calls, the errnos with which they shall fail, and who makes them. */
type Row = [systemCalls: string, errnos: string, attempts: Record<string, () => unknown>];

const bytes = new Uint8Array(8);
const message = new DataView(new ArrayBuffer(16));
c.setMessageType(message, 1);
const here = process.pid;
const queue = 0;
const array = 0;
const segment = 0;
const fileActions = { signalMask: [] };

// what the runtimes use themselves comes last, and what they cannot do without is not here
const rows: Row[] = [
  ["eventfd2", "ENFILE ENODEV ENOMEM", { eventfd: () => c.eventfd() }],
  ["pipe2", "ENFILE", { pipe2: () => c.pipe2() }],
  ["dup3", "EBUSY", { dup3: () => c.dup3(0, 1) }],
  ["fallocate", "EIO ETXTBSY", { fallocate: () => c.fallocate(-1, 0, 0, 1) }],
  ["ftruncate", "EIO", { ftruncate: () => c.ftruncate(-1, 0) }],
  ["inotify_init1", "ENFILE ENOMEM", { inotifyInit1: () => c.inotifyInit1() }],
  ["inotify_add_watch", "ENOMEM", { inotifyAddWatch: () => c.inotifyAddWatch(-1, "/", c.IN_CREATE) }],
  ["linkat", "EDQUOT EMLINK", { linkDescriptor: () => c.linkDescriptor(-1, "/") }],
  ["mknod mknodat", "EDQUOT", { mkfifo: () => c.mkfifo("/") }],
  ["memfd_create", "ENFILE ENOMEM", { memfdCreate: () => c.memfdCreate("refused") }],
  ["msync", "EIO", { msync: () => c.msync(0, 0, c.MS_SYNC) }],
  ["mq_open", "ENFILE ENOMEM", { mqOpen: () => c.mqOpen("/refused", c.O_RDONLY) }],
  [
    "mq_timedsend",
    "ENOMEM",
    { mqSend: () => c.mqSend(-1, bytes, 0), mqTimedsend: () => c.mqTimedsend(-1, bytes, 0, 1) },
  ],
  ["mq_notify", "ENOMEM", { mqNotify: () => c.mqNotify(-1, "none") }],
  ["msgget", "ENOMEM", { msgget: () => c.msgget(c.IPC_PRIVATE, 0) }],
  ["msgsnd", "ENOMEM", { msgsnd: () => c.msgsnd(queue, message, 1, 0) }],
  ["msgrcv", "ENOSYS", { msgrcv: () => c.msgrcv(-1, message, 1, 0, c.MSG_COPY) }],
  [
    "msgctl",
    "EIDRM",
    {
      msgctlStat: () => c.msgctlStat(queue),
      msgctlSet: () => c.msgctlSet(queue, {}),
      msgctlRemove: () => c.msgctlRemove(-1),
      msgctlStatIndex: () => refuseNothing(c.msgctlStatIndex(0)),
    },
  ],
  ["semget", "ENOMEM", { semget: () => c.semget(c.IPC_PRIVATE, 1, 0) }],
  [
    "semop semtimedop",
    "ENOMEM",
    { semop: () => c.semop(-1, [{ num: 0, op: 0 }]), semtimedop: () => c.semtimedop(-1, [{ num: 0, op: 0 }], 1) },
  ],
  [
    "semctl",
    "EIDRM",
    {
      semctlGetValue: () => c.semctlGetValue(array, 0),
      semctlSetValue: () => c.semctlSetValue(-1, 0, 0),
      semctlGetPid: () => c.semctlGetPid(array, 0),
      semctlGetNcnt: () => c.semctlGetNcnt(array, 0),
      semctlGetZcnt: () => c.semctlGetZcnt(array, 0),
      semctlGetAll: () => c.semctlGetAll(array),
      semctlSetAll: () => c.semctlSetAll(-1, [0]),
      semctlStat: () => c.semctlStat(array),
      semctlSet: () => c.semctlSet(-1, {}),
      semctlRemove: () => c.semctlRemove(-1),
      semctlStatIndex: () => refuseNothing(c.semctlStatIndex(0)),
    },
  ],
  ["shmget", "ENFILE", { shmget: () => c.shmget(c.IPC_PRIVATE, 1, 0) }],
  ["shmat", "EIDRM", { shmat: () => c.shmat(segment, 0, 0) }],
  [
    "shmctl",
    "EIDRM",
    {
      shmctlStat: () => c.shmctlStat(segment),
      shmctlSet: () => c.shmctlSet(-1, {}),
      shmctlRemove: () => c.shmctlRemove(-1),
      shmctlLock: () => c.shmctlLock(-1),
      shmctlUnlock: () => c.shmctlUnlock(-1),
      shmctlStatIndex: () => refuseNothing(c.shmctlStatIndex(0)),
    },
  ],
  ["signalfd4", "ENFILE ENODEV ENOMEM", { signalfd: () => c.signalfd([c.SIGUSR1]) }],
  ["socketpair", "ENFILE ENOBUFS ENOMEM", { socketpair: () => c.socketpair(c.SOCK_STREAM) }],
  ["accept4", "ECONNABORTED ENFILE ENOBUFS ENOMEM", { accept4: () => c.accept4(-1) }],
  ["bind", "EDQUOT ENOMEM", { bind: () => c.bind(-1, "/") }],
  ["sendto", "ENOBUFS ENOMEM", { send: () => c.send(-1, bytes) }],
  ["sendmsg", "ENOBUFS ENOMEM", { sendmsg: () => c.sendmsg(-1, bytes) }],
  ["socket", "ENFILE ENOBUFS ENOMEM", { socket: () => c.socket(c.SOCK_STREAM) }],
  ["splice", "ENOMEM", { splice: () => c.splice(-1, -1, 1) }],
  ["tee", "ENOMEM", { tee: () => c.tee(-1, -1, 1) }],
  ["vmsplice", "ENOMEM", { vmsplice: () => c.vmsplice(-1, bytes) }],
  ["timer_create", "ENOMEM", { interruptEvery: () => interruptEvery(1000) }],
  ["pidfd_open", "ENFILE ENODEV ENOMEM ENOSYS", { pidfdOpen: () => c.pidfdOpen(here) }],
  ["pidfd_send_signal", "ENOSYS", { pidfdSendSignal: () => c.pidfdSendSignal(-1, 0) }],
  [
    "clone clone3",
    "ENOMEM",
    {
      posixSpawn: () => c.posixSpawn("/bin/true", ["true"], fileActions),
      posixSpawnp: () => c.posixSpawnp("true", ["true"], fileActions),
    },
  ],
  [
    "fcntl",
    "ENOLCK",
    {
      tryLock: () => c.tryLock(-1, "read", 0, 1),
      lockWait: () => c.lockWait(-1, "read", 0, 1),
      unlock: () => c.unlock(-1, 0, 1),
    },
  ],
  ["flock", "ENOLCK", { flock: () => c.flock(-1, c.LOCK_SH) }],
  ["fstat", "ENOMEM", { fstat: () => c.fstat(0) }],
  ["poll ppoll", "ENOMEM", { poll: () => c.poll([], 1), pollOne: () => c.pollOne(0, 0, 1) }],
  ["membarrier", "ENOSYS", { membarrier: () => c.membarrier(c.MEMBARRIER_CMD_PRIVATE_EXPEDITED) }],
  ["epoll_create1", "ENFILE ENOMEM", { epollCreate1: () => c.epollCreate1() }],
  ["epoll_ctl", "ENOMEM ENOSPC", { epollCtl: () => c.epollCtl(-1, c.EPOLL_CTL_ADD, 0, 0) }],
  ["unlink unlinkat", "ENAMETOOLONG", { semUnlink: () => c.semUnlink("/refused") }],
  ["openat", "EBUSY EDQUOT", { open: () => c.open("/", c.O_RDONLY) }],
  [
    "openat",
    "ENFILE ENOMEM",
    {
      open: () => c.open("/", c.O_RDONLY),
      shmOpen: () => c.shmOpen("/refused", c.O_RDONLY),
      semOpen: () => c.semOpen("/refused", 0),
    },
  ],
  ["close", "EDQUOT EIO ENOSPC", { close: () => c.close(-1) }],
];

const names = rows.flatMap(([systemCalls]) => systemCalls.split(" "));
const numberOf = systemCallNumbers(program, names);

let tried = 0;
for (const [systemCalls, codes, attempts] of rows) {
  for (const code of codes.split(" ")) {
    const value = (errno as Record<string, unknown>)[code] as number;
    // of several filters the latest says which errno it is
    for (const name of systemCalls.split(" ")) refuse(numberOf.get(name) as number, value);
    for (const [name, attempt] of Object.entries(attempts)) {
      tried++;
      const outcome = outcomeOf(attempt);
      if (outcome !== code) writeSync(1, `${name} gives ${outcome} for ${code}\n`);
    }
  }
}
writeSync(1, `${tried} tried\n`);
// an event loop may not work any more
process.kill(process.pid, "SIGKILL");

/** `undefined` is what is said of an object that goes at that moment. */
function refuseNothing(status: object | undefined): void {
  if (status === undefined) throw new c.SystemError("none", errno.EIDRM);
}

function outcomeOf(attempt: () => unknown): string {
  try {
    attempt();
    return "success";
  } catch (error) {
    return error instanceof c.SystemError ? error.code : String(error);
  }
}
