import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { IpcError, type IpcErrorCode } from "../../src/errors.ts";
import { Channel } from "../../src/ipc/channel.ts";
import { freeArenaBytes } from "../../src/memory/region.ts";
import { objectDirectory } from "../../src/objects/object-directory.ts";
import { deadline } from "../support/deadline.ts";
import { leakCheck } from "../support/leak-check.ts";
import { startPeer } from "../support/peer-process.ts";
import { currentRuntime } from "../support/runtimes.ts";

const test = suite("ring with a hostile process");
const seed = Number(process.env.MILLRACE_TEST_SEED ?? Date.now() % 1_000_000);
const NAME = "vandalised";
const ROUNDS = 60;
const MAX_MESSAGE_BYTES = 100_000;
const ALLOWED: readonly IpcErrorCode[] = [
  "IPC_CORRUPT",
  "IPC_TOO_LARGE",
  "IPC_CLOSED",
  "IPC_PEER_GONE",
  "IPC_TIMEOUT",
  "IPC_EXISTS",
];
const outcomes: Record<string, number> = {};

test(
  `both ends of a ring into which another process writes at random: messages or documented errors, in time (seed ${seed})`,
  deadline(90_000, async () => {
    const free = freeArenaBytes();
    const ring = join(objectDirectory(), `${NAME}.ring`);
    // there is something to begin with
    const first = await Channel.sender(`ring:${NAME}`, { capacity: 4096 });
    const vandal = startPeer(currentRuntime(), "test/support/ring-vandal.ts", [join(ring, "segment"), String(seed)]);
    try {
      await vandal.line("begun");
      await note("close", () => first.close({ timeout: 20 }));
      for (let round = 0; round < ROUNDS; round++) {
        await useRing(round);
        // a ring with a wrong first line is not to be opened, nor to be removed in the ordinary way
        rmSync(ring, { recursive: true, force: true });
      }
    } finally {
      await vandal.kill();
      rmSync(ring, { recursive: true, force: true });
    }
    assert.is(freeArenaBytes(), free);
    assert.not(existsSync(ring));
    const seen = JSON.stringify(outcomes);
    assert.ok(
      Object.keys(outcomes).some((outcome) => outcome.endsWith("IPC_CORRUPT")),
      seen,
    );
    assert.ok((outcomes["send done"] ?? 0) > 0, seen);
  }),
);

async function useRing(round: number): Promise<void> {
  const options = { capacity: 4096, maxMessageBytes: MAX_MESSAGE_BYTES };
  const sender = await note("open", () => Channel.sender(`ring:${NAME}`, options));
  const receiver = await note("open", () => Channel.receiver(`ring:${NAME}`, options));
  for (let i = 0; i < 20; i++) {
    const message = new Uint8Array((i * 37 + round * 101) % (i % 5 === 0 ? 9000 : 1500)).fill(i);
    const timeout = i % 3;
    if (sender !== undefined) {
      if (i % 3 === 0) await note("send", () => sender.sendSync(message, { timeout }));
      else if (i % 3 === 1) await note("send", () => sender.send(message, { timeout }));
      else await note("send", () => sender.trySend(message));
      await note("peer", () => sender.peer);
      await note("stats", () => sender.stats());
    }
    if (receiver !== undefined) {
      const came =
        i % 3 === 0
          ? await note("receive", () => receiver.receiveSync({ timeout }))
          : i % 3 === 1
            ? await note("receive", () => receiver.receive({ timeout }))
            : await note("receive", () => receiver.tryReceive());
      assert.ok((came?.length ?? 0) <= MAX_MESSAGE_BYTES);
      const look = await note("peek", () => receiver.tryPeek());
      if (look !== undefined) {
        assert.ok(look.length <= MAX_MESSAGE_BYTES);
        await note("release", () => receiver.release());
      }
      if (i % 4 === 0) await note("peekBatches", () => seeBatch(receiver, timeout));
    }
  }
  if (sender !== undefined) await note("close", () => sender.close({ timeout: 5 }));
  if (receiver !== undefined) await note("close", () => receiver.close());
}

async function seeBatch(receiver: Channel, timeout: number): Promise<void> {
  for await (const batch of receiver.peekBatches({ timeout, max: 4 })) {
    for (const { length } of batch) assert.ok(length <= MAX_MESSAGE_BYTES);
    return;
  }
}

/** Does something, and makes sure that an error is one that may come. */
async function note<Result>(what: string, action: () => Result | Promise<Result>): Promise<Result | undefined> {
  let outcome = "done";
  try {
    return await action();
  } catch (error) {
    if (!(error instanceof IpcError) || !ALLOWED.includes(error.code)) throw error;
    outcome = error.code;
    return undefined;
  } finally {
    const key = `${what} ${outcome}`;
    outcomes[key] = (outcomes[key] ?? 0) + 1;
  }
}

leakCheck(test, async () => {
  // what a process keeps for good: the reactor, and on Deno what it learns of the end of children by
  await startPeer(currentRuntime(), "test/support/ring-peer.ts", ["nothing"]).exit();
  const receiver = await Channel.receiver("ring:warm-up");
  await receiver.receive({ timeout: 1 }).catch(() => {});
  await receiver.close();
});

test.run();
