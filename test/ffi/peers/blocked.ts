/**
 * Blocks its main thread in the call that its first argument names, with a signal handler that does nothing on SIGURG, and
 * prints what came of it.
 */

import { epollCreate1, epollWait } from "../../../src/ffi/epoll.ts";
import {
  close,
  eventfd,
  futexWait,
  IPC_PRIVATE,
  lockWait,
  MAP_ANONYMOUS,
  MAP_SHARED,
  messageType,
  mmap,
  msgctlRemove,
  msgctlSet,
  msgget,
  msgrcv,
  msgsnd,
  O_RDONLY,
  O_RDWR,
  O_WRONLY,
  open,
  POLLIN,
  PROT_READ,
  PROT_WRITE,
  pageSize,
  pipe2,
  poll,
  pollOne,
  read,
  SIGURG,
  setMessageType,
  sigaction,
  write,
} from "../../../src/ffi/mod.ts";

const [operation, ...args] = process.argv.slice(2);
sigaction(SIGURG, "interrupt");
console.log("ready");
console.log(String(block()));

function block(): unknown {
  const path = args[0] as string;
  const milliseconds = Number(args[0]);
  switch (operation) {
    case "read": {
      const fd = open(path, O_RDONLY);
      const bytes = new Uint8Array(10);
      return `${read(fd, bytes)} ${bytes[0]}`;
    }
    case "write": {
      const fd = open(path, O_WRONLY);
      // more than the pipe takes at once, so that it blocks in the middle, or before
      const bytes = new Uint8Array(300_000).fill(7);
      let written = 0;
      while (written < bytes.length) written += write(fd, bytes.subarray(written));
      close(fd);
      return written;
    }
    case "lock": {
      const fd = open(path, O_RDWR);
      lockWait(fd, "write", 0, 1);
      return "locked";
    }
    case "poll": {
      const [readEnd] = pipe2();
      const started = performance.now();
      const entries = [{ fd: readEnd, events: POLLIN, revents: 9 }];
      return `${poll(entries, milliseconds)} ${entries[0]?.revents} ${performance.now() - started >= milliseconds}`;
    }
    case "pollOne": {
      const started = performance.now();
      return `${pollOne(eventfd(), POLLIN, milliseconds)} ${performance.now() - started >= milliseconds}`;
    }
    case "epollWait": {
      const started = performance.now();
      return `${epollWait(epollCreate1(), milliseconds).length} ${performance.now() - started >= milliseconds}`;
    }
    case "futexWait": {
      const address = mmap(0, pageSize(), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
      return futexWait(address, 0);
    }
    case "msgrcv":
    case "msgsnd": {
      const queue = msgget(IPC_PRIVATE, 0o600);
      try {
        const message = new DataView(new ArrayBuffer(72));
        if (operation === "msgrcv") return msgrcv(queue, message, 64, 0, 0);
        msgctlSet(queue, { qbytes: 8 });
        setMessageType(message, 1);
        if (messageType(message) !== 1 || msgsnd(queue, message, 8, 0) !== 0) throw new Error("msgsnd failed");
        return msgsnd(queue, message, 8, 0);
      } finally {
        msgctlRemove(queue);
      }
    }
    default:
      throw new Error(`Unknown operation ${operation}`);
  }
}
