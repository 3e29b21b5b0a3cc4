import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { O_RDWR } from "../../src/ffi/abi/current.ts";
import { close, open } from "../../src/ffi/fd.ts";
import { tryLock } from "../../src/ffi/lock.ts";
import { Channel } from "../../src/ipc/channel.ts";
import { objects } from "../../src/ipc/listing/objects.ts";
import { JOURNAL_PREFIX } from "../../src/objects/journal.ts";
import { objectDirectory } from "../../src/objects/object-directory.ts";
import { deadline } from "../support/deadline.ts";
import { commandFor, currentRuntime } from "../support/runtimes.ts";
import { skip } from "../support/skip.ts";
import { uniqueName } from "../support/unique-name.ts";

const LIMIT = 30_000;

interface Owner {
  readonly name: string;
  readonly pid: number;
  readonly said: string[];
  says(line: string): Promise<void>;
  /** Resolves when it ended, with the signal that ended it. */
  ended(): Promise<NodeJS.Signals | null>;
}

/** @param ignored a signal that it ignores from its beginning, as under nohup */
function startOwner(how: string, name = uniqueName("blocked"), ignored?: string): Owner {
  const { command, args, env } = commandFor(currentRuntime(), "test/objects/blocked-owner.ts", [how, name]);
  const trap = ignored === undefined ? ":" : `trap "" ${ignored}`;
  const child = spawn("sh", ["-c", `${trap}; exec "$@"`, "sh", command, ...args], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const closed = once(child, "close");
  const said: string[] = [];
  let changed = () => {};
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    said.push(...text.split("\n").filter((line) => line !== ""));
    changed();
  });
  return {
    name,
    pid: child.pid as number,
    said,
    async says(line) {
      while (!said.includes(line)) {
        const more = new Promise<void>((resolve) => {
          changed = resolve;
        });
        await Promise.race([more, closed.then(() => assert.unreachable(`It ended without "${line}": ${said}`))]);
      }
    },
    async ended() {
      const [, signal] = await once(child, "exit");
      await closed;
      return signal;
    },
  };
}

/** Waits until the process has a handler for the signal, or none. The kernel tells; there is nothing to wait on. */
async function handles(pid: number, signal: NodeJS.Signals, handled: boolean): Promise<void> {
  for (;;) {
    const caught = /^SigCgt:\s*(\S+)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? "";
    const bit = 1n << BigInt(constants.signals[signal] - 1);
    if (((BigInt(`0x${caught}`) & bit) !== 0n) === handled) return;
    await sleep(5);
  }
}

function journals(): string[] {
  return readdirSync(objectDirectory()).filter((name) => name.startsWith(JOURNAL_PREFIX));
}

const WAYS = {
  "ring-receive": "SIGINT",
  "ring-send": "SIGTERM",
  "fifo-receive": "SIGHUP",
  "unix-receive": "SIGTERM",
  "mq-receive": "SIGTERM",
  "sysv-receive": "SIGTERM",
  "memory-receive": "SIGTERM",
  "posix-queue": "SIGTERM",
  "sysv-queue": "SIGINT",
  mutex: "SIGINT",
  condition: "SIGTERM",
  "rw-lock": "SIGTERM",
  semaphore: "SIGTERM",
  event: "SIGTERM",
  array: "SIGTERM",
  signal: "SIGTERM",
  "popen-read": "SIGTERM",
  "popen-close": "SIGTERM",
} as const;

for (const [how, signal] of Object.entries(WAYS)) {
  test(
    `${signal} ends an owner that blocks in ${how}, and gc removes what it leaves`,
    deadline(LIMIT, async () => {
      const name = uniqueName("blocked");
      const path = join(tmpdir(), name);
      if (how === "sysv-receive") writeFileSync(path, ""); // for ftok
      const owner = startOwner(how, name);
      await owner.says("ready");
      // a receiver of a stream waits for a sender first, with its event loop
      const sender =
        how === "fifo-receive"
          ? await Channel.sender(`fifo:${path}`)
          : how === "unix-receive"
            ? await Channel.sender(`unix:${path}`)
            : undefined;
      await handles(owner.pid, signal, false);
      process.kill(owner.pid, signal);
      assert.is(await owner.ended(), signal);
      await sender?.close();
      assert.ok(existsSync(`/dev/shm/${name}`), "the kernel's action removes nothing");
      const { removed, kept } = objects.gc();
      assert.equal(kept, []);
      assert.ok(removed.some((object) => object.kind === "posix-shm" && object.name === `/${name}`));
      assert.not(existsSync(`/dev/shm/${name}`));
      assert.equal(journals(), []);
      rmSync(path, { force: true });
    }),
  );
}

test(
  "a signal ends an owner that waits for another process to make way at a ring",
  deadline(LIMIT, async () => {
    const name = uniqueName("blocked");
    const sender = await Channel.sender(`ring:${name}`);
    const segment = open(join(objectDirectory(), `${name}.ring`, "segment"), O_RDWR);
    assert.ok(tryLock(segment, "write", 2, 1));
    const owner = startOwner("ring-attach", name);
    await owner.says("ready");
    await handles(owner.pid, "SIGTERM", false);
    process.kill(owner.pid, "SIGTERM");
    assert.is(await owner.ended(), "SIGTERM");
    close(segment);
    await sender.close();
    objects.gc();
    objects.remove({ kind: "ring", name }, { force: true });
  }),
);

test(
  "after a wait that is over, a signal runs the removal again",
  deadline(LIMIT, async () => {
    const owner = startOwner("after");
    await owner.says("free");
    process.kill(owner.pid, "SIGTERM");
    assert.is(await owner.ended(), "SIGTERM");
    assert.not(existsSync(`/dev/shm/${owner.name}`));
    assert.not(existsSync(`/dev/shm/sem.${owner.name}`));
    assert.equal(journals(), []);
  }),
);

for (const how of ["after", "semaphore"]) {
  test(
    `SIGHUP that is ignored, as by nohup, stays ignored: ${how}`,
    deadline(LIMIT, async () => {
      if (currentRuntime() !== "bun")
        return skip("Node at its start, Deno at its first listener, makes it the default again");
      const owner = startOwner(how, uniqueName("nohup"), "HUP");
      if (how === "after") await owner.says("free");
      else {
        await owner.says("ready");
        await handles(owner.pid, "SIGTERM", false);
      }
      const ignored = /^SigIgn:\s*(\S+)$/m.exec(readFileSync(`/proc/${owner.pid}/status`, "utf8"))?.[1] ?? "";
      assert.is(BigInt(`0x${ignored}`) & 1n, 1n, "SIGHUP is signal 1");
      process.kill(owner.pid, "SIGHUP");
      process.kill(owner.pid, "SIGTERM");
      assert.is(await owner.ended(), "SIGTERM");
      objects.gc();
      assert.not(existsSync(`/dev/shm/${owner.name}`));
      assert.equal(journals(), []);
    }),
  );
}

for (const how of ["listener", "listener-after"]) {
  test(
    `a program that listens for a signal keeps it while it blocks: ${how}`,
    deadline(LIMIT, async () => {
      const owner = startOwner(how);
      await owner.says("listening");
      // the others are not listened for
      await handles(owner.pid, "SIGINT", false);
      await handles(owner.pid, "SIGTERM", true);
      process.kill(owner.pid, "SIGTERM");
      process.kill(owner.pid, "SIGINT");
      assert.is(await owner.ended(), "SIGINT");
      objects.gc();
    }),
  );
}

test.run();
