import { rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  close,
  mkfifo,
  O_CREAT,
  O_RDONLY,
  O_RDWR,
  O_WRONLY,
  open,
  read,
  SIGURG,
  tgkill,
  tryLock,
  write,
} from "../../src/ffi/mod.ts";
import { SystemError } from "../../src/ffi/system-error.ts";
import { deadline } from "../support/deadline.ts";
import { leakCheck } from "../support/leak-check.ts";
import { type PeerProcess, startPeer } from "../support/peer-process.ts";
import { currentRuntime } from "../support/runtimes.ts";

/** Starts a process that blocks in this call, and waits until it is about to. */
async function startBlocked(operation: string, argument: string | number = ""): Promise<PeerProcess & AsyncDisposable> {
  const peer = startPeer(currentRuntime(), "test/ffi/peers/blocked.ts", [operation, `${argument}`]);
  await peer.line("ready");
  return { ...peer, [Symbol.asyncDispose]: () => peer.kill() };
}

/** Sends the signal to the main thread again and again, since there is no telling when it blocks. */
async function interrupt(peer: PeerProcess, times = Number.POSITIVE_INFINITY): Promise<void> {
  let ended = false;
  peer.exit().then(() => {
    ended = true;
  });
  for (let count = 0; count < times && !ended; count++) {
    try {
      tgkill(peer.pid, peer.pid, SIGURG);
    } catch (error) {
      if (error instanceof SystemError && error.code === "ESRCH") return;
      throw error;
    }
    await sleep(2);
  }
}

const LIMIT = 30_000;

test(
  "open and read go on after a signal",
  deadline(LIMIT, async () => {
    const path = join(tmpdir(), `fifo-${process.pid}`);
    mkfifo(path);
    await using peer = await startBlocked("read", path);
    await interrupt(peer, 30);
    const fd = open(path, O_WRONLY);
    await interrupt(peer, 30);
    write(fd, new Uint8Array([42]));
    await peer.line("1 42");
    close(fd);
    rmSync(path);
  }),
);

test(
  "write goes on after a signal, and says what it wrote so far",
  deadline(LIMIT, async () => {
    const path = join(tmpdir(), `fifo-${process.pid}`);
    mkfifo(path);
    await using peer = await startBlocked("write", path);
    const fd = open(path, O_RDONLY);
    await interrupt(peer, 30);
    const bytes = new Uint8Array(8192);
    let total = 0;
    for (let count = read(fd, bytes); count > 0; count = read(fd, bytes)) {
      for (const byte of bytes.subarray(0, count)) if (byte !== 7) assert.unreachable(`byte ${byte}`);
      total += count;
      await interrupt(peer, 1);
    }
    assert.is(total, 300_000);
    await peer.line("300000");
    close(fd);
    rmSync(path);
  }),
);

test(
  "lockWait goes on after a signal, until the lock is free",
  deadline(LIMIT, async () => {
    const path = join(tmpdir(), `locked-${process.pid}`);
    const fd = open(path, O_RDWR | O_CREAT);
    assert.ok(tryLock(fd, "write", 0, 1));
    await using peer = await startBlocked("lock", path);
    await interrupt(peer, 30);
    close(fd);
    await peer.line("locked");
    rmSync(path);
  }),
);

for (const [operation, expected] of [
  ["poll", "0 0 true"],
  ["pollOne", "0 true"],
  ["epollWait", "0 true"],
] as const) {
  test(
    `${operation} waits its whole time in spite of signals`,
    deadline(LIMIT, async () => {
      await using peer = await startBlocked(operation, 200);
      await Promise.all([peer.line(expected), interrupt(peer)]);
    }),
  );
}

for (const [operation, expected] of [
  ["futexWait", "woken"],
  ["msgrcv", "-2"],
  ["msgsnd", "-2"],
] as const) {
  test(
    `${operation} returns after a signal`,
    deadline(LIMIT, async () => {
      await using peer = await startBlocked(operation);
      await Promise.all([peer.line(expected), interrupt(peer)]);
    }),
  );
}

leakCheck(test);
test.run();
