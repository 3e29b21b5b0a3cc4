/**
 * One end of the soak, in a process of its own that may be killed at any time: `soak-end.ts JSON`. It says `ready` when it is attached and
 * waits for a line; a producer then sends and closes; a consumer receives until it meets the end (`ended`) or the death of the producer
 * (`gone`), and closes when it gets another line.
 */
import { writeSync } from "node:fs";
import { IpcError } from "../../src/errors.ts";
import { Channel } from "../../src/ipc/channel.ts";
import { type Journal, openJournal } from "./journal.ts";
import { contentHash, SoakMessages, scramble } from "./soak-messages.ts";
import { type ConsumerTask, type ProducerTask, SOAK_BATCH, type SoakTask } from "./soak-task.ts";

const task = JSON.parse(process.argv[2] ?? "") as SoakTask;
const told: (() => void)[] = [];
process.stdin.on("data", () => told.shift()?.());

const journal = openJournal(task.journal);
if (task.side === "producer") await produce(task);
else await consume(task);
process.exit(0);

async function produce({ address, capacity, session, profile, count, form }: ProducerTask): Promise<void> {
  const channel = await Channel.sender(address, { capacity });
  await ready();
  try {
    await sendAll(channel, new SoakMessages(session, capacity, profile), count, session, form);
    await channel.close();
    say("closed");
  } catch (error) {
    say(codeOf(error));
    // the ring is full and nobody empties it, so a clean close would wait; this one is killed
    if (codeOf(error) === "IPC_PEER_GONE") await nextLine();
    await channel.close().catch(() => {});
  }
}

async function sendAll(
  channel: Channel,
  messages: SoakMessages,
  count: number,
  session: number,
  form: ProducerTask["form"],
): Promise<void> {
  const largestClaim = task.capacity / 2 - 8;
  for (let index = 0; index < count; ) {
    if (form === "sendMany") {
      const end = Math.min(count, index + 1 + (scramble(session + index) % 64));
      const batch = function* () {
        for (let next = index; next < end; next++) yield messages.at(next);
      };
      await channel.sendMany(batch());
      index = end;
    } else {
      const message = messages.at(index);
      const claimable = message.length <= largestClaim;
      if (form === "sendSync" || (form === "claimSync" && !claimable)) channel.sendSync(message);
      else if (form === "send" || (form === "claim" && !claimable)) await channel.send(message);
      else if (form === "trySend") while (!channel.trySend(message)) await turn();
      else {
        // sometimes more than is sent
        const length = Math.min(largestClaim, message.length + (index % 3) * 40);
        const claim = form === "claim" ? await channel.claim(length) : channel.claimSync(length);
        claim.set(message);
        channel.commit(message.length);
      }
      index++;
    }
    journal.done(index);
  }
}

async function consume({ address, capacity, form }: ConsumerTask): Promise<void> {
  const channel = await Channel.receiver(address, { capacity });
  await ready();
  try {
    await receiveAll(channel, form);
    say("ended");
  } catch (error) {
    say(codeOf(error) === "IPC_PEER_GONE" ? "gone" : codeOf(error));
  }
  await nextLine();
  await channel.close();
}

async function receiveAll(channel: Channel, form: ConsumerTask["form"]): Promise<void> {
  if (form === "iterate") {
    for await (const message of channel) await write(journal, message);
  } else if (form === "batches") {
    for await (const batch of channel.batches({ max: SOAK_BATCH })) {
      for (const message of batch) await write(journal, message);
    }
  } else if (form === "peekBatches") {
    for await (const batch of channel.peekBatches({ max: SOAK_BATCH })) {
      for (const message of batch) {
        if (message.length % 200 === 1) await dwell(false);
        await write(journal, message);
      }
      if (batch.length % 4 === 3) await dwell(false);
    }
  } else if (form === "receive" || form === "receiveSync") {
    for (;;) {
      const message = form === "receive" ? await channel.receive() : channel.receiveSync();
      if (message === undefined) return;
      await write(journal, message);
    }
  } else if (form === "tryReceive") {
    for (;;) {
      const message = channel.tryReceive();
      if (message !== undefined) await write(journal, message);
      else if (channel.ended) return;
      else await turn();
    }
  } else {
    for (;;) {
      const look =
        form === "peek" ? await channel.peek() : form === "peekSync" ? channel.peekSync() : channel.tryPeek();
      if (look !== undefined) {
        // now and then it is killed here, where nothing of it may be released
        if (look.length % 200 === 1) await dwell(form === "peekSync");
        await write(journal, look);
        // or here, with a message that is written down and comes again
        if (look.length % 200 === 0) await dwell(form === "peekSync");
        channel.release();
      } else if (form !== "tryPeek" || channel.ended) return;
      else await turn();
    }
  }
}

async function write(to: Journal, message: Uint8Array): Promise<void> {
  if (to.full) {
    say("full");
    await new Promise(() => setInterval(() => {}, 1000));
  }
  to.add(message.length, contentHash(message));
}

async function dwell(blocking: boolean): Promise<void> {
  if (blocking) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2);
  else await new Promise((resolve) => setTimeout(resolve, 2));
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

async function ready(): Promise<void> {
  const line = nextLine();
  say("ready");
  await line;
}

function nextLine(): Promise<void> {
  return new Promise((resolve) => told.push(resolve));
}

function say(line: string): void {
  writeSync(1, `${line}\n`);
}

function codeOf(error: unknown): string {
  return error instanceof IpcError ? error.code : String(error).replaceAll("\n", " ");
}
