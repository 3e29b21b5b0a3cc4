import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { SysvSharedMemory } from "../../src/memory/sysv-shared-memory.ts";
import { deadline } from "../support/deadline.ts";
import { failsWith } from "../support/fails-with.ts";
import { leakCheck } from "../support/leak-check.ts";
import { nativePeer } from "../support/native-peer.ts";
import { nativeProgram } from "../support/native-program.ts";
import { startPeer } from "../support/peer-process.ts";
import { currentRuntime } from "../support/runtimes.ts";
import { BOARD, Board, ID } from "./board.ts";
import { startThreads } from "./start-threads.ts";

const LIMIT = 60_000;
const COUNT = 20_000;
const test = suite('one struct in a segment of ftok(".", ID), with a mutex in it, shared with C');
const c = nativeProgram("segment-peer");
const start = nativePeer("segment-peer");
const peer = (...args: string[]) => startPeer(currentRuntime(), "test/sync/peers/board-user.ts", args);

/** For segments that C makes, and for ones that are made here; in a folder of its own, since the key is made of that. */
function withBoth(title: string, handler: (board: Board) => Promise<void>): void {
  for (const maker of ["C", "a script"]) {
    test(
      `${title}; made by ${maker}`,
      deadline(LIMIT, async () => {
        const [before, folder] = [process.cwd(), mkdtempSync(join(tmpdir(), "ftok-"))];
        process.chdir(folder);
        try {
          if (maker === "C") assert.is(await c("make", ID), `${Object.values(BOARD).join(" ")}\n`);
          using board = new Board(maker !== "C");
          await handler(board);
          assert.is(board.memory.stat().attaches, 1);
          if (maker === "C") await c("remove", ID);
          else assert.ok(board.memory.remove());
          await failsWith("IPC_NOT_FOUND", () => SysvSharedMemory.open(`.#${ID}`));
        } finally {
          process.chdir(before);
          rmSync(folder, { recursive: true });
        }
      }),
    );
  }
}

withBoth("what one side writes under the mutex, the other one reads, both ways", async (board) => {
  assert.is(board.mutex.robust, true);
  await c("count", ID, 3);
  {
    using _guard = await board.mutex.lock();
    assert.equal([board.fromC, board.fromScripts, board.total, board.last], [3, 0, 3n, "C, 3"]);
  }
  board.count(await board.mutex.lock());
  assert.is(await c("show", ID), "3 1 4 script, 1\n");
});

withBoth("C, this process and another one count at once: none is lost", async (board) => {
  // all of them wait for the lock when it begins
  const first = await board.mutex.lock();
  const other = peer("count", `${COUNT}`);
  await other.line("waiting");
  const programs = [start("count", ID, COUNT), start("count", ID, COUNT)];
  for (const program of programs) await program.asleep();
  board.count(first);
  for (let step = 1; step < COUNT; step++) {
    board.count(step % 100 === 0 ? await board.mutex.lock() : board.mutex.lockSync());
  }
  for (const program of programs) await program.end();
  assert.is((await other.exit()).status, 0);
  using guard = board.mutex.lockSync();
  assert.is(guard.ownerDied, false);
  assert.equal([board.fromC, board.fromScripts, board.total], [2 * COUNT, 2 * COUNT, BigInt(4 * COUNT)]);
});

withBoth("the C program that has the lock is killed: we are told, repair the struct, and C goes on", async (board) => {
  await c("count", ID, 5);
  const owner = start("hold", ID);
  assert.is(await owner.line(), "locked");
  assert.is(board.mutex.tryLock(), undefined);
  const locked = board.mutex.lock();
  await owner.kill();
  const guard = await locked;
  assert.is(guard.ownerDied, true);
  assert.is(board.total, 1_000_005n);
  board.total = BigInt(board.fromC + board.fromScripts);
  guard.repaired();
  board.count(guard);
  assert.is(await c("show", ID), "5 1 6 script, 1\n");
});

withBoth("the script that has the lock is killed: C is told, repairs the struct, and we go on", async (board) => {
  board.count(await board.mutex.lock());
  const owner = peer("hold");
  await owner.line("locked");
  const counting = start("count", ID, 2);
  await counting.asleep();
  await owner.kill();
  assert.is(await counting.line(), "repaired");
  await counting.end();
  using guard = await board.mutex.lock();
  assert.is(guard.ownerDied, false);
  assert.equal([board.fromC, board.fromScripts, board.total, board.last], [2, 1, 3n, "C, 2"]);
});

leakCheck(test, startThreads);
test.run();
