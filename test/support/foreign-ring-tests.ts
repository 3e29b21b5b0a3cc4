import { closeSync, openSync, readdirSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { Test } from "uvu";
import * as assert from "uvu/assert";
import { Channel } from "../../src/ipc/channel.ts";
import { objectDirectory } from "../../src/objects/object-directory.ts";
import {
  CONSUMER_STATE_OFFSET,
  FROM_STATE_TO_SESSIONS,
  HEAD_OFFSET,
  MAGIC_OFFSET,
  TAIL_OFFSET,
} from "../../src/ring/layout.ts";
import { deadline } from "./deadline.ts";
import { isPending } from "./event-loop.ts";
import { failsWith } from "./fails-with.ts";
import type { ForeignPeer } from "./foreign-peer.ts";
import { startPeer } from "./peer-process.ts";
import { currentRuntime } from "./runtimes.ts";
import { SeededMessages } from "./seeded-messages.ts";
import { uniqueName } from "./unique-name.ts";

const LIMIT = 20_000;
const SEED = 20_777;
const MOST = 20_000;

/** What a ring in another language has to do, with this runtime at the other end. */
export function foreignRingTests(test: Test, peer: ForeignPeer, variants: readonly Record<string, string>[]): void {
  const messages = new SeededMessages(SEED, MOST, 0);

  for (const env of variants) {
    const how = Object.entries(env).map(([key, value]) => ` ${key}=${value}`);
    test(
      `what it sends arrives, and then the end:${how}`,
      deadline(LIMIT, async () => {
        const name = uniqueName("from");
        await using receiver = await Channel.receiver(`ring:${name}`, capacityOf(env));
        const sender = peer("send", [name, 1500, SEED, MOST], env);
        let index = 0;
        for await (const message of receiver) messages.verify(index++, message);
        assert.is(index, 1500);
        await sender.end();
        await receiver.close();
        assert.equal(ringsLeft(name), []);
      }),
    );

    test(
      `it gets what is sent, and then the end:${how}`,
      deadline(LIMIT, async () => {
        const name = uniqueName("to");
        await using sender = await Channel.sender(`ring:${name}`, capacityOf(env));
        const receiver = peer("receive", [name, SEED, MOST], env);
        for (let index = 0; index < 1500; index++) {
          if (index % 2 === 0) await sender.send(messages.at(index));
          else sender.sendSync(messages.at(index), { timeout: LIMIT });
        }
        await sender.close();
        assert.equal(
          [await receiver.line(), await receiver.line(), await receiver.line()],
          ["open", "1500 END", "END"],
        );
        await receiver.end();
        assert.equal(ringsLeft(name), []);
      }),
    );

    test(
      `message for message there and back, each side sleeping for each:${how}`,
      deadline(LIMIT, async () => {
        const [there, back] = [uniqueName("there"), uniqueName("back")];
        await using sender = await Channel.sender(`ring:${there}`, capacityOf(env));
        await using receiver = await Channel.receiver(`ring:${back}`, capacityOf(env));
        const echo = peer("echo", [there, back], env);
        for (let index = 0; index < 300; index++) {
          await sender.send(messages.at(index));
          const message = index % 2 === 0 ? await receiver.receive() : receiver.receiveSync({ timeout: LIMIT });
          if (message === undefined) throw new Error("The stream has ended");
          messages.verify(index, message);
        }
        for (let index = 0; index < 5; index++) {
          // now it sleeps for sure
          await echo.asleep();
          await sender.send(messages.at(index));
          messages.verify(index, (await receiver.receive()) as Uint8Array);
        }
        await sender.close();
        assert.is(await receiver.receive(), undefined);
        assert.equal([await echo.line(), await echo.line()], ["open", "END"]);
        await echo.end();
        await receiver.close();
        assert.equal(ringsLeft(there, back), []);
      }),
    );
  }

  test(
    "it is killed while it sends: what it sent arrives, then IPC_PEER_GONE; a successor goes on",
    deadline(LIMIT, async () => {
      const name = uniqueName("dies");
      await using receiver = await Channel.receiver(`ring:${name}`);
      const sender = peer("send-and-stay", [name, 50, SEED, 10_000]);
      assert.is(await sender.line(), "open");
      assert.is(await sender.line(), "sent");
      assert.equal(receiver.peer, { alive: true, pid: sender.pid });
      await failsWith("IPC_BUSY", Channel.sender(`ring:${name}`), new RegExp(`process ${sender.pid} already holds`));
      const ten = new SeededMessages(SEED, 10_000, 0);
      for (let index = 0; index < 50; index++) ten.verify(index, (await receiver.receive()) as Uint8Array);
      const gone = failsWith("IPC_PEER_GONE", receiver.receive(), new RegExp(`process ${sender.pid}`));
      await sender.kill();
      await gone;
      assert.is(await receiver.receive(), undefined);
      const successor = peer("send", [name, 1, SEED, 10_000]);
      await successor.end();
      await receiver.close();
    }),
  );

  test(
    "it is killed in the middle of a long message: the parts are dropped, and its successor's messages are whole",
    deadline(LIMIT, async () => {
      const name = uniqueName("part");
      const sender = peer("hurried", [name, 100_000], { RING_CAPACITY: "8192" });
      assert.is(await sender.line(), "IPC_TIMEOUT");
      // its parts fill the ring, so that the message behind them waits
      await sender.kill();
      const successor = peer("send", [name, 20, SEED, 1000]);
      assert.is(await successor.line(), "open");
      await using receiver = await Channel.receiver(`ring:${name}`);
      const thousand = new SeededMessages(SEED, 1000, 0);
      for (let index = 0; index < 20; index++) thousand.verify(index, (await receiver.receive()) as Uint8Array);
      assert.is(await receiver.receive(), undefined);
      await successor.end();
    }),
  );

  test(
    "a long message that found no room in time: the receiver gets none of it, and the next one",
    deadline(LIMIT, async () => {
      const name = uniqueName("hurried");
      const sender = peer("hurried", [name, 100_000], { RING_CAPACITY: "8192" });
      assert.is(await sender.line(), "IPC_TIMEOUT");
      await using receiver = await Channel.receiver(`ring:${name}`);
      assert.equal(await receiver.receive(), new Uint8Array(0));
      assert.is(await receiver.receive(), undefined);
      assert.is(await sender.line(), "closed");
      await sender.end();
    }),
  );

  test(
    "a long message that this side gave up: it gets none of it, and the next ones",
    deadline(LIMIT, async () => {
      const name = uniqueName("given-up");
      await using sender = await Channel.sender(`ring:${name}`, { capacity: 8192 });
      await failsWith("IPC_TIMEOUT", sender.send(new Uint8Array(100_000), { timeout: 50 }));
      const receiver = peer("receive", [name, SEED, MOST]);
      for (let index = 0; index < 20; index++) await sender.send(messages.at(index));
      await sender.close();
      assert.equal([await receiver.line(), await receiver.line(), await receiver.line()], ["open", "20 END", "END"]);
      await receiver.end();
      assert.equal(ringsLeft(name), []);
    }),
  );

  test(
    "it comes after a receiver that had taken the first part of a long message: it drops the rest, and goes on",
    deadline(LIMIT, async () => {
      const name = uniqueName("rest");
      await using sender = await Channel.sender(`ring:${name}`, { capacity: 8192 });
      const sending = sender.send(new Uint8Array(100_000));
      assert.ok(await isPending(sending));
      // what such a receiver leaves: one part of a quarter of the ring is released
      poke(name, TAIL_OFFSET, wordBytes(2048));
      poke(name, CONSUMER_STATE_OFFSET + FROM_STATE_TO_SESSIONS, wordBytes(1));
      const receiver = peer("receive", [name, SEED, MOST]);
      await sending;
      for (let index = 0; index < 20; index++) await sender.send(messages.at(index));
      await sender.close();
      assert.equal([await receiver.line(), await receiver.line(), await receiver.line()], ["open", "20 END", "END"]);
      await receiver.end();
      assert.equal(ringsLeft(name), []);
    }),
  );

  test(
    "it is killed while it receives: IPC_PEER_GONE once the ring is full; its successor gets what it had not taken",
    deadline(LIMIT, async () => {
      const name = uniqueName("lost");
      await using sender = await Channel.sender(`ring:${name}`, { capacity: 16_384 });
      const first = peer("receive-and-stay", [name, 10, SEED, 2000]);
      const two = new SeededMessages(SEED, 2000, 0);
      let sent = 0;
      for (; sent < 10; sent++) await sender.send(two.at(sent));
      assert.is(await first.line(), "open");
      assert.is(await first.line(), "received");
      await first.kill();
      const overflow = (async () => {
        for (;;) {
          await sender.send(two.at(sent));
          sent++;
        }
      })();
      await failsWith("IPC_PEER_GONE", overflow, new RegExp(`process ${first.pid}`));
      const second = peer("receive", [name, SEED, 2000], { RING_FROM: "10" });
      assert.is(await second.line(), "open");
      await sender.close();
      assert.equal([await second.line(), await second.line()], [`${sent - 10} END`, "END"]);
      await second.end();
      assert.equal(ringsLeft(name), []);
    }),
  );

  test(
    "this side is killed while it sends: it hears of it, after all messages",
    deadline(LIMIT, async () => {
      const name = uniqueName("gone");
      const receiver = peer("receive", [name, SEED, 5000]);
      assert.is(await receiver.line(), "open");
      const sender = startPeer(currentRuntime(), "test/support/foreign-counterpart.ts", [
        ...["send-and-stay", name, "100", String(SEED), "5000"],
      ]);
      await sender.line("sent");
      await receiver.asleep();
      await sender.kill();
      assert.equal([await receiver.line(), await receiver.line()], ["100 IPC_PEER_GONE", "END"]);
      await receiver.end();
    }),
  );

  test(
    "this side is killed while it receives: it hears of it once the ring is full",
    deadline(LIMIT, async () => {
      const name = uniqueName("deaf");
      const sender = peer("send-until-error", [name, 3000]);
      assert.is(await sender.line(), "open");
      const receiver = startPeer(currentRuntime(), "test/support/foreign-counterpart.ts", ["receive-and-stay", name]);
      await receiver.line("received");
      await sender.asleep();
      await receiver.kill();
      assert.is(await sender.line(), "IPC_PEER_GONE");
      await sender.end();
      await Channel.remove(`ring:${name}`);
    }),
  );

  test(
    "an end that this process holds is IPC_BUSY there",
    deadline(LIMIT, async () => {
      const name = uniqueName("busy");
      await using sender = await Channel.sender(`ring:${name}`);
      await using receiver = await Channel.receiver(`ring:${name}`);
      for (const side of ["sender", "receiver"]) {
        const other = peer("try", [name, side]);
        assert.is(await other.line(), "IPC_BUSY");
        assert.match(await other.line(), new RegExp(`process ${process.pid} already holds`));
        await other.end();
      }
      const remover = peer("remove", [name]);
      assert.is(await remover.line(), "IPC_BUSY");
      await remover.end();
      // the refused ones took nothing away
      await sender.send(new Uint8Array([1]));
      assert.equal(await receiver.receive(), new Uint8Array([1]));
    }),
  );

  test(
    "it removes a ring that nobody holds",
    deadline(LIMIT, async () => {
      const name = uniqueName("remove");
      const sender = await Channel.sender(`ring:${name}`);
      await sender.send(new Uint8Array([1]));
      await sender.close();
      for (const code of ["OK", "IPC_NOT_FOUND"]) {
        const remover = peer("remove", [name]);
        assert.is(await remover.line(), code);
        await remover.end();
      }
      assert.equal(ringsLeft(name), []);
    }),
  );

  test(
    "the receiver closes: IPC_CLOSED at the sender, both ways",
    deadline(LIMIT, async () => {
      const name = uniqueName("quit");
      const receiver = await Channel.receiver(`ring:${name}`);
      const sender = peer("send-until-error", [name, 3000]);
      await receiver.receive();
      await sender.asleep();
      await receiver.close();
      assert.equal([await sender.line(), await sender.line()], ["open", "IPC_CLOSED"]);
      await sender.end();
      assert.equal(ringsLeft(name), []);

      const hearer = peer("hear", [name]);
      assert.equal([await hearer.line(), await hearer.line()], ["IPC_TIMEOUT", "open"]);
      await using out = await Channel.sender(`ring:${name}`);
      await out.send(new Uint8Array(12_345));
      assert.is(await hearer.line(), "12345");
      await hearer.end();
      await failsWith("IPC_CLOSED", out.send(new Uint8Array(1)));
      await out.close();
      assert.equal(ringsLeft(name), []);
    }),
  );

  test(
    "it follows a sender that asks for a larger ring",
    deadline(LIMIT, async () => {
      const name = uniqueName("larger");
      const receiver = peer("receive", [name, SEED, MOST]);
      assert.is(await receiver.line(), "open");
      await receiver.asleep();
      await using sender = await Channel.sender(`ring:${name}`, { capacity: 4 * 1024 * 1024 });
      for (let index = 0; index < 100; index++) await sender.send(messages.at(index));
      await sender.close();
      assert.equal([await receiver.line(), await receiver.line()], ["100 END", "END"]);
      await receiver.end();
      assert.equal(ringsLeft(name), []);
    }),
  );

  test(
    "a header that is wrong is IPC_CORRUPT",
    deadline(LIMIT, async () => {
      const name = uniqueName("header");
      const sender = await Channel.sender(`ring:${name}`);
      await sender.send(new Uint8Array([1]));
      await sender.close();
      const right = new Uint8Array([0x4d, 0x4c, 0x52, 0x43]);
      for (let word = MAGIC_OFFSET; word < 24; word += 4) {
        poke(name, word, new Uint8Array([0x4e, 0x01, 0x01, 0x01]));
        const other = peer("try", [name, "receiver"]);
        assert.is(await other.line(), "IPC_CORRUPT", `byte ${word}`);
        await other.end();
        poke(name, word, word === 0 ? right : wordBytes([0, 2, 4096, 1 << 20, 1, 0][word / 4] as number));
      }
      // it was only broken in one place at a time
      const other = peer("try", [name, "receiver"]);
      assert.is(await other.line(), "OK");
      await other.end();
      assert.equal(ringsLeft(name), []);
    }),
  );

  for (const [what, head] of [
    ["is no multiple of 16", 8],
    ["runs ahead of the ring", 2 ** 21],
  ] as const) {
    test(
      `a head that ${what}, met while it waits, is IPC_CORRUPT`,
      deadline(LIMIT, async () => {
        const name = uniqueName("head");
        const receiver = peer("receive", [name, SEED, MOST]);
        assert.is(await receiver.line(), "open");
        await receiver.asleep();
        poke(name, HEAD_OFFSET, wordBytes(head));
        const bell = openSync(join(objectDirectory(), `${name}.ring`, "bell-consumer"), "r+");
        writeSync(bell, new Uint8Array(1));
        closeSync(bell);
        assert.equal([await receiver.line(), await receiver.line()], ["0 IPC_CORRUPT", "IPC_CORRUPT"]);
        await receiver.end();
        assert.equal(ringsLeft(name), []);
      }),
    );
  }

  for (const [what, record] of [
    ["longer than what is published", [1000, 0]],
    ["longer than half the ring", [0xffff_ffe0, 0]],
    ["with flags that mean nothing", [8, 4]],
    ["that goes on with no message", [8, 2]],
  ] as const) {
    test(
      `a record ${what} is IPC_CORRUPT`,
      deadline(LIMIT, async () => {
        const name = uniqueName("record");
        const sender = await Channel.sender(`ring:${name}`);
        await sender.send(new Uint8Array(8));
        await sender.close();
        poke(name, 4096, new Uint8Array([...wordBytes(record[0]), ...wordBytes(record[1])]));
        const receiver = peer("receive", [name, SEED, MOST]);
        assert.equal([await receiver.line(), await receiver.line()], ["open", "0 IPC_CORRUPT"]);
        assert.is(await receiver.line(), "IPC_CORRUPT");
        await receiver.end();
        assert.equal(ringsLeft(name), []);
      }),
    );
  }
}

/** How the other end was asked to open the ring, said by this one too, so that it is the same whoever comes first. */
function capacityOf({ RING_CAPACITY }: Record<string, string>): { capacity?: number } {
  return RING_CAPACITY === undefined ? {} : { capacity: Number(RING_CAPACITY) };
}

/** The rings of these names that have not been removed. */
function ringsLeft(...names: string[]): string[] {
  return readdirSync(objectDirectory()).filter((entry) => names.some((name) => entry === `${name}.ring`));
}

function wordBytes(value: number): Uint8Array {
  return new Uint8Array([value, value >>> 8, value >>> 16, value >>> 24]);
}

function poke(name: string, offset: number, bytes: Uint8Array): void {
  const segment = openSync(join(objectDirectory(), `${name}.ring`, "segment"), "r+");
  writeSync(segment, bytes, 0, bytes.length, offset);
  closeSync(segment);
}
