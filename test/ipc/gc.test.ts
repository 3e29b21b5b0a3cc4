import { chownSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { LOCK_EX, O_DIRECTORY, O_RDONLY } from "../../src/ffi/abi/current.ts";
import { close, open } from "../../src/ffi/fd.ts";
import { flock } from "../../src/ffi/flock.ts";
import type { GcResult } from "../../src/ipc/listing/gc.ts";
import { objects } from "../../src/ipc/listing/objects.ts";
import { PosixMessageQueue } from "../../src/ipc/posix-message-queue.ts";
import { UnixConnection } from "../../src/ipc/unix-connection.ts";
import { JOURNAL_PREFIX } from "../../src/objects/journal.ts";
import { objectDirectory } from "../../src/objects/object-directory.ts";
import { objectIdentity } from "../../src/objects/object-identity.ts";
import type { ObjectKind } from "../../src/objects/own.ts";
import { isRoot } from "../support/as-nobody.ts";
import { deadline } from "../support/deadline.ts";
import { leakCheck } from "../support/leak-check.ts";
import { type PeerProcess, startPeer } from "../support/peer-process.ts";
import { currentRuntime } from "../support/runtimes.ts";
import { skip } from "../support/skip.ts";
import { uniqueName } from "../support/unique-name.ts";

const LIMIT = 60_000;
const NOBODY = 65_534;
const ALL = 9;

interface Named {
  readonly kind: ObjectKind;
  readonly name: string;
}

const textOf = ({ kind, name }: Named) => `${kind} ${name}`;

function peer(...args: readonly string[]): PeerProcess {
  return startPeer(currentRuntime(), "test/ipc/peers/objects-peer.ts", args);
}

/** An owner that was killed. @returns what it left */
async function leave(user: string, name: string): Promise<Named[]> {
  const owner = peer(user, "own", name);
  const ready = owner.line("ready");
  await ready;
  const ended = owner.exit();
  process.kill(owner.pid, "SIGKILL");
  const { lines } = await ended;
  return lines
    .filter((line) => line.includes(" "))
    .map((line) => ({ kind: line.split(" ")[0] as ObjectKind, name: line.split(" ")[1] as string }));
}

async function collected(collector: PeerProcess): Promise<GcResult> {
  const { status, lines } = await collector.exit();
  assert.is(status, 0, lines.join("; "));
  return JSON.parse(lines.at(-1) as string);
}

/** What a socket's end leaves on purpose, since the other end may use it: see unix-link/lock-file.ts. */
function removeLockFiles(): void {
  const folder = process.env.MILLRACE_DIR as string;
  for (const name of readdirSync(folder)) if (name.endsWith(".lock")) rmSync(`${folder}/${name}`);
}

function journals(): string[] {
  return readdirSync(objectDirectory()).filter((name) => name.startsWith(JOURNAL_PREFIX));
}

/** A folder for named objects that belongs to the user without privilege, in which peers work. */
async function inFolderOfNobody(action: () => Promise<void>): Promise<void> {
  const before = process.env.MILLRACE_DIR as string;
  const folder = `/dev/shm/${uniqueName("nobody")}`;
  mkdirSync(folder, { mode: 0o700 });
  chownSync(folder, NOBODY, NOBODY);
  process.env.MILLRACE_DIR = folder;
  try {
    await action();
  } finally {
    process.env.MILLRACE_DIR = before;
    rmSync(folder, { recursive: true });
  }
}

test(
  "what a killed process left of every kind is listed as stale, and gc removes it",
  deadline(LIMIT, async () => {
    const left = await leave("root", uniqueName("left"));
    assert.is(left.length, ALL);
    for (const { kind, name } of left) {
      const found = objects.list({ kinds: [kind] }).find((one) => one.name === name || one.path === name);
      assert.ok(found?.stale, `${kind} ${name}`);
    }
    const { removed, kept } = objects.gc();
    assert.equal(kept, []);
    assert.equal(removed.map(textOf).sort(), left.map(textOf).sort());
    for (const { kind, name } of left) assert.is(objectIdentity(kind, name), undefined, `${kind} ${name} is left`);
    assert.equal(journals(), []);
  }),
);

test(
  "gc keeps a POSIX queue that is open, and a unix socket on which somebody listens",
  deadline(LIMIT, async () => {
    const name = uniqueName("open");
    const owner = peer("root", "own", name);
    await owner.line("ready");
    const queue = PosixMessageQueue.open(`/${name}`);
    // a second owner by its journal alone, which is dead, while the first still listens
    const other = await leave("root", uniqueName("other"));
    const connection = await UnixConnection.connect(`unix:${objectDirectory()}/${name}.socket`);
    const first = objects.gc();
    assert.equal(first.removed.map(textOf).sort(), other.map(textOf).sort());
    assert.equal(first.kept, []);
    await failsBusy({ kind: "unix-socket", name: `${objectDirectory()}/${name}.socket` });
    await owner.kill();
    const second = objects.gc();
    assert.equal(second.kept.map(({ object }) => object.kind).sort(), ["posix-mq"]);
    assert.match(second.kept[0]?.why ?? "", `process ${process.pid} uses it`);
    assert.is(second.removed.length, ALL - 1);
    queue.close();
    connection.close();
    assert.equal(objects.gc().removed.map(textOf), [`posix-mq /${name}`]);
    assert.equal(journals(), []);
  }),
);

async function failsBusy(target: Named): Promise<void> {
  assert.throws(
    () => objects.remove(target),
    (error: { code?: string }) => error.code === "IPC_BUSY",
  );
}

test(
  "several that collect at once remove every object once, and keep none",
  deadline(LIMIT, async () => {
    const left = [...(await leave("root", uniqueName("many"))), ...(await leave("root", uniqueName("many")))];
    const results = await Promise.all([1, 2, 3].map(() => collected(peer("root", "gc"))));
    assert.equal(
      results.flatMap(({ kept }) => kept),
      [],
    );
    assert.equal(results.flatMap(({ removed }) => removed.map(textOf)).sort(), left.map(textOf).sort());
    assert.equal(journals(), []);
  }),
);

test(
  "who collects waits for who collects already; a dry run waits for nobody",
  deadline(LIMIT, async () => {
    const left = await leave("root", uniqueName("waits"));
    const directory = open(objectDirectory(), O_RDONLY | O_DIRECTORY);
    flock(directory, LOCK_EX);
    const collector = peer("root", "gc");
    const result = collected(collector);
    await collector.line("begin");
    // the kernel's table shows who waits with an arrow
    const waits = new RegExp(`-> FLOCK .* ${collector.pid} `);
    while (!waits.test(readFileSync("/proc/locks", "utf8"))) await sleep(5);
    assert.is(objects.gc({ dryRun: true }).removed.length, left.length);
    close(directory);
    assert.is((await result).removed.length, left.length);
  }),
);

test(
  "a user without privilege collects what the kernel lets him know of, and keeps the rest with the reason",
  deadline(LIMIT, async () => {
    if (!isRoot()) return skip("needs root");
    await inFolderOfNobody(async () => {
      const left = await leave("nobody", uniqueName("nobody"));
      assert.is(left.length, ALL);
      const first = await collected(peer("nobody", "gc"));
      assert.equal(first.kept.map(({ object }) => object.kind).sort(), ["fifo", "posix-mq"]);
      for (const { why } of first.kept) assert.match(why, "processes of other users cannot be looked into");
      assert.is(first.removed.length, ALL - 2);
      for (const { kind, name } of left.filter(({ kind }) => kind === "fifo" || kind === "posix-mq")) {
        const busy = await peer("nobody", "remove", kind, name).exit();
        assert.equal(busy.lines, ["IPC_BUSY"]);
        const forced = await peer("nobody", "remove", kind, name, "force").exit();
        assert.equal(forced.lines, ["removed"]);
      }
      const last = await collected(peer("nobody", "gc"));
      assert.equal(last, { removed: [], kept: [] });
      assert.equal(
        readdirSync(process.env.MILLRACE_DIR as string).filter((name) => name.startsWith(JOURNAL_PREFIX)),
        [],
      );
    });
  }),
);

test(
  "what belongs to another user is not removed: IPC_PERMISSION",
  deadline(LIMIT, async () => {
    if (!isRoot()) return skip("needs root");
    const owner = peer("root", "own", uniqueName("root"));
    await owner.line("ready");
    const ended = owner.exit();
    const kinds = ["sysv-shm", "sysv-msg", "sysv-sem", "posix-shm", "posix-sem"] as const;
    const made = objects.list({ kinds }).filter(({ creatorPid, ours }) => ours && creatorPid === owner.pid);
    assert.equal(made.map(({ kind }) => kind).sort(), [...kinds].sort());
    await inFolderOfNobody(async () => {
      for (const { kind, name } of made) {
        const { lines } = await peer("nobody", "remove", kind, name, "force").exit();
        assert.equal(lines, ["IPC_PERMISSION"], kind);
      }
    });
    process.kill(owner.pid, "SIGTERM");
    for (const line of (await ended).lines.filter((one) => one.includes(" "))) {
      const [kind, name] = line.split(" ") as [ObjectKind, string];
      assert.is(objectIdentity(kind, name), undefined, `its owner removed ${kind} ${name}`);
    }
  }),
);

test(
  "the folder of another user is refused: IPC_PERMISSION",
  deadline(LIMIT, async () => {
    if (!isRoot()) return skip("needs root");
    await inFolderOfNobody(async () => {
      for (const call of [() => objects.gc(), () => objects.list()]) {
        assert.throws(call, (error: { code?: string }) => error.code === "IPC_PERMISSION");
      }
    });
  }),
);

test.after.each(() => {
  removeLockFiles();
  // of a test that failed
  objects.gc();
});
leakCheck(test);
test.run();
