import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  ftok,
  getgid,
  getpid,
  gettid,
  getuid,
  IPC_CREAT,
  IPC_EXCL,
  IPC_NOWAIT,
  IPC_PRIVATE,
  MSG_COPY,
  MSG_EXCEPT,
  MSG_NOERROR,
  MSG_TEXT_OFFSET,
  messageType,
  msgctlInfo,
  msgctlRemove,
  msgctlSet,
  msgctlStat,
  msgctlStatIndex,
  msgget,
  msgrcv,
  msgsnd,
  SystemError,
  setMessageType,
  WOULD_BLOCK,
} from "../../src/ffi/mod.ts";
import { scratch } from "../../src/ffi/scratch.ts";
import { asNobody, isRoot } from "../support/as-nobody.ts";
import { deadline } from "../support/deadline.ts";
import { leakCheck } from "../support/leak-check.ts";
import { startPeer } from "../support/peer-process.ts";
import { currentRuntime } from "../support/runtimes.ts";
import { skip } from "../support/skip.ts";
import { throwsSystemError } from "../support/throws-system-error.ts";
import { uniqueKey } from "../support/unique-key.ts";

const message = new DataView(new ArrayBuffer(10_008));
const text = new Uint8Array(message.buffer, MSG_TEXT_OFFSET);

/** Runs a test with a queue of its own. */
function withQueue(run: (queue: number) => void | Promise<void>): () => Promise<void> {
  return async () => {
    const queue = msgget(IPC_PRIVATE, 0o600);
    try {
      await run(queue);
    } finally {
      msgctlRemove(queue);
    }
  };
}

/** The errno with which a call fails. */
function codeOf(call: () => unknown, syscall: string): string {
  try {
    call();
  } catch (error) {
    if (!(error instanceof SystemError && error.syscall === syscall)) throw error;
    return error.code;
  }
  throw new Error(`${syscall} came to an end`);
}

function send(queue: number, type: number, ...bytes: number[]): number {
  setMessageType(message, type);
  text.set(bytes);
  return msgsnd(queue, message, bytes.length, IPC_NOWAIT);
}

function receive(queue: number, type = 0, flags = 0): [type: number, ...bytes: number[]] | number {
  text.fill(255);
  setMessageType(message, 0);
  const length = msgrcv(queue, message, 1000, type, IPC_NOWAIT | flags);
  if (length < 0) return length;
  assert.is(text[length], 255, "nothing beyond the message is written");
  return [messageType(message), ...text.subarray(0, length)];
}

test(
  "messages come in order, with type and length",
  withQueue((queue) => {
    assert.is(send(queue, 1, 10, 11), 0);
    assert.is(send(queue, Number.MAX_SAFE_INTEGER), 0);
    assert.is(send(queue, 2, 12), 0);
    assert.equal(receive(queue), [1, 10, 11]);
    assert.equal(receive(queue), [Number.MAX_SAFE_INTEGER]);
    assert.equal(receive(queue), [2, 12]);
    assert.is(receive(queue), WOULD_BLOCK);
  }),
);

test(
  "a type selects messages",
  withQueue((queue) => {
    for (const type of [5, 3, 7, 3]) send(queue, type, type);
    assert.equal(receive(queue, 3), [3, 3]);
    assert.is(receive(queue, 4), WOULD_BLOCK);
    assert.equal(receive(queue, -6), [3, 3], "the lowest up to 6");
    assert.equal(receive(queue, 5, MSG_EXCEPT), [7, 7]);
    assert.equal(receive(queue, -5), [5, 5]);
    send(queue, 2 ** 32 + 1, 8);
    send(queue, 1, 9);
    assert.equal(receive(queue, 2 ** 32 + 1), [2 ** 32 + 1, 8]);
  }),
);

test(
  "a full queue is WOULD_BLOCK",
  withQueue((queue) => {
    msgctlSet(queue, { qbytes: 10 });
    assert.is(send(queue, 1, 1, 2, 3, 4, 5, 6), 0);
    assert.is(send(queue, 1, 1, 2, 3, 4, 5), WOULD_BLOCK);
    assert.is(send(queue, 1, 1, 2, 3, 4), 0);
    receive(queue);
    assert.is(send(queue, 1, 1, 2, 3, 4, 5), 0);
  }),
);

test(
  "a long message stays, unless it may be cut off",
  withQueue((queue) => {
    send(queue, 1, 1, 2, 3, 4);
    throwsSystemError(() => msgrcv(queue, message, 3, 0, IPC_NOWAIT), "E2BIG", "msgrcv");
    text.fill(9);
    assert.is(msgrcv(queue, message, 3, 0, IPC_NOWAIT | MSG_NOERROR), 3);
    assert.equal([...text.subarray(0, 4)], [1, 2, 3, 9]);
    assert.is(receive(queue), WOULD_BLOCK);
  }),
);

test(
  "MSG_COPY copies the message at a place, which stays",
  withQueue((queue) => {
    for (const type of [5, 3]) send(queue, type, type, 1, 2);
    assert.equal(receive(queue, 1, MSG_COPY), [3, 3, 1, 2]);
    assert.equal(receive(queue, 0, MSG_COPY), [5, 5, 1, 2]);
    assert.is(receive(queue, 2, MSG_COPY), WOULD_BLOCK);
    throwsSystemError(() => msgrcv(queue, message, 2, 0, IPC_NOWAIT | MSG_COPY), "E2BIG", "msgrcv");
    const cut = () => msgrcv(queue, message, 2, 0, IPC_NOWAIT | MSG_COPY | MSG_NOERROR);
    throwsSystemError(cut, "EINVAL", "msgrcv");
    throwsSystemError(() => msgrcv(queue, message, 3, 0, MSG_COPY), "EINVAL", "msgrcv");
    throwsSystemError(() => msgrcv(queue, message, 3, 1, IPC_NOWAIT | MSG_COPY | MSG_EXCEPT), "EINVAL", "msgrcv");
    assert.equal(
      [receive(queue), receive(queue)],
      [
        [5, 5, 1, 2],
        [3, 3, 1, 2],
      ],
    );
  }),
);

test(
  "all queues are listed",
  withQueue((queue) => {
    assert.ok(msgctlInfo().usedIds >= 1);
    const more = () => {
      const before = msgctlInfo();
      send(queue, 1, 1, 2, 3);
      const { messages, bytes } = msgctlInfo();
      receive(queue);
      return [messages - before.messages, bytes - before.bytes].join();
    };
    let counted = more();
    // of the whole system, so others may send and receive meanwhile
    for (let tries = 0; tries < 100 && counted !== "1,3"; tries++) counted = more();
    assert.is(counted, "1,3");
    new Uint8Array(scratch.buffer).fill(255);
    const found = [];
    for (let index = 0; index <= msgctlInfo().highestIndex; index++) {
      const status = msgctlStatIndex(index);
      if (status?.id === queue) found.push(status);
    }
    assert.equal(found, [{ id: queue, ...msgctlStat(queue) }]);
    assert.is(msgctlStatIndex(30_000), undefined);
    assert.throws(() => msgctlStatIndex(0.5), /index is 0.5/);
  }),
);

test(
  "msgctlStat says what /proc says",
  withQueue((queue) => {
    const before = msgctlStat(queue);
    assert.equal(
      [before.qnum, before.cbytes, before.stime, before.rtime, before.lspid, before.lrpid],
      [0, 0, 0, 0, 0, 0],
    );
    send(queue, 1, 4);
    send(queue, 1, 1, 2, 3);
    receive(queue);
    const status = msgctlStat(queue);
    const [header = "", ...rows] = readFileSync("/proc/sysvipc/msg", "utf8").trimEnd().split("\n");
    const names = header.trim().split(/\s+/);
    const row = rows.map((line) => line.trim().split(/\s+/)).find((fields) => fields[1] === `${queue}`) ?? [];
    const proc = Object.fromEntries(names.map((name, index) => [name, row[index]]));
    for (const name of [
      "cbytes",
      "qnum",
      "lspid",
      "lrpid",
      "uid",
      "gid",
      "cuid",
      "cgid",
      "stime",
      "rtime",
      "ctime",
    ] as const) {
      assert.is(`${status[name]}`, proc[name], name);
    }
    assert.is(status.mode.toString(8), proc.perms);
    assert.equal([status.qnum, status.cbytes, status.lspid, status.lrpid], [1, 3, getpid(), getpid()]);
    assert.equal([status.uid, status.gid], [getuid(), getgid()]);
    assert.is(status.qbytes, Number(readFileSync("/proc/sys/kernel/msgmnb", "utf8")));
  }),
);

test(
  "msgctlSet changes what is given, and nothing else",
  withQueue((queue) => {
    send(queue, 1, 1);
    const before = msgctlStat(queue);
    new Uint8Array(scratch.buffer).fill(255);
    msgctlSet(queue, { mode: 0o640 });
    const { mode, ctime, ...rest } = msgctlStat(queue);
    assert.is(mode, 0o640);
    assert.ok(ctime >= before.ctime);
    for (const [name, value] of Object.entries(rest)) assert.is(value, before[name as keyof typeof rest], name);
    msgctlSet(queue, { qbytes: 100, uid: before.uid, gid: before.gid });
    assert.is(msgctlStat(queue).qbytes, 100);
    assert.is(msgctlStat(queue).mode, 0o640);
  }),
);

test("ftok makes the key that C makes, from the file", () => {
  const path = join(tmpdir(), `ftok-${process.pid}`);
  writeFileSync(path, "");
  const { dev, ino } = statSync(path);
  const key = ftok(path, 65);
  assert.is(key, (65 << 24) | ((dev & 0xff) << 16) | (ino & 0xffff));
  assert.is(ftok(path, 65 + 256), key, "the low 8 bits count");
  assert.is.not(ftok(path, 66), key);
  assert.ok(ftok(path, 200) < 0, "a key is signed");
  rmSync(path);
  throwsSystemError(() => ftok(path, 65), "ENOENT", "ftok", path);
  throwsSystemError(() => ftok("/etc/passwd/x", 65), "ENOTDIR", "ftok", "/etc/passwd/x");
});

test("a key leads to one queue, also a key with the highest bit", () => {
  const path = join(tmpdir(), `key-${process.pid}`);
  writeFileSync(path, "");
  const key = ftok(path, 200);
  throwsSystemError(() => msgget(key, 0), "ENOENT", "msgget");
  const queue = msgget(key, IPC_CREAT | IPC_EXCL | 0o600);
  try {
    assert.is(msgget(key, 0), queue);
    assert.is(msgget(key >>> 0, 0), queue, "unsigned");
    throwsSystemError(() => msgget(key, IPC_CREAT | IPC_EXCL | 0o600), "EEXIST", "msgget");
  } finally {
    msgctlRemove(queue);
  }
  throwsSystemError(() => msgget(key, 0), "ENOENT", "msgget");
  // not before: a new file may get its number, and somebody else the same key
  rmSync(path);
});

test("a queue that is gone, or never was, is EINVAL or EIDRM", () => {
  const queue = msgget(IPC_PRIVATE, 0o600);
  msgctlRemove(queue);
  for (const [call, name] of [
    [() => send(queue, 1), "msgsnd"],
    [() => receive(queue), "msgrcv"],
    [() => msgctlStat(queue), "msgctl"],
    [() => msgctlSet(queue, { mode: 0o600 }), "msgctl"],
    [() => msgctlRemove(queue), "msgctl"],
  ] as const) {
    throwsSystemError(call, "EINVAL", name);
  }
});

test(
  "a wrong type or length is EINVAL",
  withQueue((queue) => {
    throwsSystemError(() => send(queue, 0, 1), "EINVAL", "msgsnd");
    throwsSystemError(() => send(queue, -1, 1), "EINVAL", "msgsnd");
    setMessageType(message, 1);
    const limit = Number(readFileSync("/proc/sys/kernel/msgmax", "utf8"));
    if (limit < text.length) throwsSystemError(() => msgsnd(queue, message, limit + 1, 0), "EINVAL", "msgsnd");
  }),
);

test(
  "two processes exchange messages",
  withQueue(
    deadline(30_000, async (queue: number) => {
      const peer = startPeer(currentRuntime(), "test/ffi/peers/queue-user.ts", [`${queue}`]);
      const length = msgrcv(queue, message, 1000, 5, 0);
      assert.is(new TextDecoder().decode(text.subarray(0, length)), "from the peer");
      assert.is(msgctlStat(queue).lspid, peer.pid);
      setMessageType(message, 6);
      msgsnd(queue, message, new TextEncoder().encodeInto("from the parent", text).written, 0);
      await peer.line("from the parent");
      await peer.exit();
    }),
  ),
);

test("ftok throws what stat says", () => {
  const folder = mkdtempSync("/dev/shm/millrace-ftok-");
  const circle = join(folder, "circle");
  symlinkSync(circle, circle);
  throwsSystemError(() => ftok(circle, 1), "ELOOP", "ftok", circle);
  const long = join(folder, "x".repeat(256));
  throwsSystemError(() => ftok(long, 1), "ENAMETOOLONG", "ftok", long);
  // mkdtemp lets in nobody else
  if (isRoot()) throwsSystemError(() => asNobody(() => ftok(circle, 1)), "EACCES", "ftok", circle);
  else skip("EACCES needs root, to become another user");
  rmSync(folder, { recursive: true });
});

test(
  "a queue that is removed ends the waits for it",
  deadline(60_000, async () => {
    setMessageType(message, 1);
    for (const [name, wait] of [
      ["msgrcv", (queue: number) => msgrcv(queue, message, 1, 0, 0)],
      ["msgsnd", (queue: number) => msgsnd(queue, message, 8, 0)],
    ] as const) {
      // when the thread slept for another reason, the queue was gone before the wait, and it is done again
      for (let code = "EINVAL"; code === "EINVAL"; ) {
        const queue = msgget(IPC_PRIVATE, 0o600);
        // no room: a message waits for it
        msgctlSet(queue, { qbytes: 4 });
        const sleeps = `grep -q '^State:.S' /proc/${getpid()}/task/${gettid()}/status`;
        const remover = spawn("sh", ["-c", `until ${sleeps}; do :; done; ipcrm -q ${queue}`], { stdio: "inherit" });
        code = codeOf(() => wait(queue), name);
        if (code !== "EINVAL") assert.is(code, "EIDRM");
        await once(remover, "close");
      }
    }
  }),
);

test("another user's queue", () => {
  if (!isRoot()) return skip("needs root, to become another user");
  const key = uniqueKey();
  const queue = msgget(key, IPC_CREAT | 0o600);
  throwsSystemError(() => asNobody(() => msgget(key, 0o400)), "EACCES", "msgget");
  throwsSystemError(() => asNobody(() => send(queue, 1)), "EACCES", "msgsnd");
  throwsSystemError(() => asNobody(() => receive(queue)), "EACCES", "msgrcv");
  throwsSystemError(() => asNobody(() => msgctlStat(queue)), "EACCES", "msgctl");
  throwsSystemError(() => asNobody(() => msgctlSet(queue, { mode: 0o666 })), "EACCES", "msgctl");
  throwsSystemError(() => asNobody(() => msgctlRemove(queue)), "EPERM", "msgctl");
  const listed = asNobody(() => {
    const ids = [];
    for (let index = 0; index <= msgctlInfo().highestIndex; index++) ids.push(msgctlStatIndex(index)?.id);
    return ids;
  });
  assert.ok(listed.includes(queue), "but it is listed");
  msgctlSet(queue, { mode: 0o644 });
  throwsSystemError(() => asNobody(() => msgctlSet(queue, { mode: 0o666 })), "EPERM", "msgctl");
  msgctlRemove(queue);
});

test("misuse is refused before the call", () => {
  const room = message.byteLength - MSG_TEXT_OFFSET;
  for (const length of [room + 1, 2 ** 31]) {
    assert.throws(
      () => msgsnd(0, message, length, 0),
      new RegExp(`length is ${length}, but the message has room for ${room} bytes`),
    );
    assert.throws(
      () => msgrcv(0, message, length, 0, 0),
      (error: unknown) => error instanceof RangeError,
    );
  }
  assert.throws(() => msgsnd(0, message, -1, 0), /length is -1/);
  assert.throws(
    () => msgsnd(0, new ArrayBuffer(100) as never, 1, 0),
    (error: unknown) => error instanceof TypeError,
  );
  assert.throws(() => msgsnd(0, new Uint8Array(4), 0, 0), /room for -4 bytes/);
  assert.throws(() => msgrcv(0, message, 1, 0.5, 0), /type is 0.5/);
  assert.throws(() => msgget(2 ** 32, 0), /key is 4294967296/);
  assert.throws(() => msgget(0.5, 0), /key is 0.5/);
  assert.throws(() => ftok("a\0", 1), /NUL/);
});

leakCheck(test);
test.run();
