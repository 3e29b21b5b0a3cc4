import { suite } from "uvu";
import * as assert from "uvu/assert";
import { close, pipe2, read } from "../../src/ffi/fd.ts";
import { open, pair } from "../../src/ipc/adapters/pipe.ts";
import { BEGUN, FULL, type Link, TAKEN } from "../../src/ipc/link.ts";
import type { ChannelOptions } from "../../src/ipc/options.ts";
import { deadline } from "../support/deadline.ts";
import { isPending } from "../support/event-loop.ts";
import { failsWith } from "../support/fails-with.ts";
import { leakCheck } from "../support/leak-check.ts";

const LIMIT = 20_000;
const test = suite("byte stream links");

/** Runs a test with both ends of a new pipe, which are closed after it. */
function withPair(options: ChannelOptions, handler: (sender: Link, receiver: Link) => void | Promise<void>) {
  return deadline<unknown>(LIMIT, async () => {
    const { sender, receiver } = await pair(options);
    try {
      await handler(sender, receiver);
    } finally {
      sender.close();
      receiver.close();
    }
  });
}

/** A sending link, and a descriptor to see what it writes, call by call. */
async function withReadEnd(options: ChannelOptions): Promise<{ sender: Link; readAll(): number; done(): void }> {
  const [readEnd, writeEnd] = pipe2();
  const sender = await open({ scheme: "pipe", text: `pipe:${writeEnd}`, fd: writeEnd }, "sender", options);
  return {
    sender,
    readAll: () => read(readEnd, new Uint8Array(1 << 20)),
    done() {
      sender.close();
      close(readEnd);
    },
  };
}

test(
  "close() without end() still announces a clean end when nothing is lost by it",
  withPair({}, (sender, receiver) => {
    assert.is(sender.tryWrite(Uint8Array.of(1)), TAKEN);
    sender.close();
    sender.close();
    assert.equal(receiver.tryRead(), Uint8Array.of(1));
    assert.is(receiver.tryRead(), null);
    assert.is(receiver.tryRead(), null);
  }),
);

test(
  "close() with something unflushed announces no end",
  withPair({ capacity: 4096 }, async (sender, receiver) => {
    assert.is(sender.tryWrite(new Uint8Array(4000)), TAKEN);
    sender.cork();
    assert.is(sender.tryWrite(new Uint8Array(1000)), TAKEN);
    sender.close();
    assert.is(receiver.tryRead()?.length, 4000);
    await failsWith("IPC_PEER_GONE", () => receiver.tryRead());
    assert.is(receiver.tryRead(), null);
  }),
);

test(
  "close() in the middle of a message announces no end, even when there is room for it",
  withPair({ capacity: 4096 }, async (sender, receiver) => {
    assert.is(sender.tryWrite(new Uint8Array(10_000)), BEGUN);
    assert.is(receiver.tryRead(), undefined);
    sender.close();
    await failsWith("IPC_PEER_GONE", () => receiver.tryRead(), /in the middle of a message/);
  }),
);

test(
  "end() announces the end, flush() delivers it behind everything else",
  withPair({ capacity: 4096 }, (sender, receiver) => {
    assert.is(sender.tryWrite(new Uint8Array(9000)), BEGUN);
    sender.end?.();
    sender.end?.();
    for (let flushed = false; !flushed; ) {
      flushed = sender.flush();
      const message = receiver.tryRead();
      if (message !== undefined) assert.is(message?.length, 9000);
    }
    sender.close();
    assert.is(receiver.tryRead(), null);
  }),
);

test(
  "close() resolves ready(), on both sides",
  withPair({ capacity: 4096 }, async (sender, receiver) => {
    while (sender.tryWrite(new Uint8Array(1000)) === TAKEN);
    const writable = sender.ready("write", undefined);
    const full = await isPending(writable);
    assert.ok(full);
    sender.close();
    await writable;
    while (receiver.tryRead() instanceof Uint8Array);
    const again = await pair({});
    const readable = again.receiver.ready("read", undefined);
    assert.ok(await isPending(readable));
    again.receiver.close();
    await readable;
    await again.receiver.ready("read", undefined);
    assert.ok(again.receiver.readySync("read", 0));
    again.sender.close();
  }),
);

test(
  "ready() rejects with the reason of its signal, and the link goes on",
  withPair({}, async (sender, receiver) => {
    const abort = new AbortController();
    const reason = new Error("enough");
    const readable = receiver.ready("read", abort.signal);
    abort.abort(reason);
    assert.is(await readable.catch((error) => error), reason);
    sender.tryWrite(Uint8Array.of(7));
    await receiver.ready("read", undefined);
    assert.equal(receiver.tryRead(), Uint8Array.of(7));
  }),
);

test("corked messages go out together, and never more than PIPE_BUF at a time", async () => {
  for (const framing of ["length", "lines", "raw"] as const) {
    const { sender, readAll, done } = await withReadEnd({ framing });
    const frame = 100 + { length: 4, lines: 1, raw: 0 }[framing];
    sender.cork();
    for (let i = 0; i < 10; i++) assert.is(sender.tryWrite(new Uint8Array(100)), TAKEN);
    assert.is(sender.readySync("write", 0), true);
    sender.uncork();
    assert.is(readAll(), 10 * frame);
    sender.cork();
    for (let i = 0; i < 50; i++) assert.is(sender.tryWrite(new Uint8Array(100)), TAKEN);
    const whole = Math.floor(4096 / frame) * frame;
    assert.is(readAll(), whole, "the buffer is written when the next message does not fit any more");
    sender.uncork();
    assert.is(readAll(), 50 * frame - whole);
    done();
  }
});

test(
  "what is corked and does not fit into the pipe waits for flush()",
  withPair({ capacity: 4096 }, (sender, receiver) => {
    assert.is(sender.tryWrite(new Uint8Array(4000)), TAKEN);
    sender.cork();
    assert.is(sender.tryWrite(new Uint8Array(1000)), TAKEN);
    sender.uncork();
    assert.is(sender.flush(), false);
    assert.is(sender.tryWrite(new Uint8Array(1)), FULL);
    assert.is(receiver.tryRead()?.length, 4000);
    assert.is(sender.flush(), true);
    assert.is(sender.tryWrite(new Uint8Array(2)), TAKEN);
    assert.is(receiver.tryRead()?.length, 1000);
    assert.is(receiver.tryRead()?.length, 2);
    assert.is(receiver.tryRead(), undefined);
  }),
);

test(
  "while a message is begun nothing else is taken, and it cannot be taken back",
  withPair({ capacity: 4096 }, (sender, receiver) => {
    const long = new Uint8Array(6000).fill(3);
    assert.is(sender.tryWrite(long), BEGUN);
    assert.is(sender.tryWrite(Uint8Array.of(1)), FULL);
    assert.is(sender.tryWrite(new Uint8Array(5000)), FULL);
    assert.is(sender.retract(), false);
    sender.keepRest();
    long.fill(4);
    assert.is(receiver.tryRead(), undefined);
    assert.is(sender.tryWrite(Uint8Array.of(5)), TAKEN, "now there is room for the rest, which goes first");
    assert.equal(receiver.tryRead(), new Uint8Array(6000).fill(3));
    assert.equal(receiver.tryRead(), Uint8Array.of(5));
    assert.is(receiver.tryRead(), undefined);
  }),
);

test(
  "a message that finds the pipe full is not taken, and the link keeps nothing of it",
  withPair({ capacity: 4096 }, (sender, receiver) => {
    while (sender.tryWrite(new Uint8Array(1020)) === TAKEN);
    for (const size of [1, 1020, 4092, 4093, 100_000]) assert.is(sender.tryWrite(new Uint8Array(size)), FULL);
    assert.is(sender.flush(), true, "nothing is pending");
    for (let i = 0; i < 4; i++) assert.is(receiver.tryRead()?.length, 1020);
    assert.is(receiver.tryRead(), undefined);
    sender.close();
    assert.is(receiver.tryRead(), null);
  }),
);

test(
  "an error while uncorking is for flush() to report, once; what follows is refused",
  withPair({}, async (sender, receiver) => {
    receiver.close();
    sender.cork();
    assert.is(sender.tryWrite(Uint8Array.of(1)), TAKEN);
    sender.uncork();
    await failsWith("IPC_CLOSED", () => sender.flush(), /the receiver has closed/);
    assert.is(sender.flush(), true, "what was lost is no longer pending");
    await failsWith("IPC_CLOSED", () => sender.tryWrite(Uint8Array.of(1)));
    await failsWith("IPC_CLOSED", () => sender.tryWrite(new Uint8Array(10_000)));
    sender.end?.();
    assert.is(sender.flush(), true);
  }),
);

test(
  "what a closed link answers",
  withPair({}, async (sender, receiver) => {
    sender.close();
    receiver.close();
    await failsWith("IPC_CLOSED", () => sender.tryWrite(Uint8Array.of(1)), /this end was closed/);
    assert.is(receiver.tryRead(), null);
    for (const link of [sender, receiver]) {
      assert.equal(link.peer(), { alive: undefined, pid: undefined });
      assert.is(link.stats().capacityBytes, undefined);
    }
  }),
);

test(
  "stats() counts the waits",
  withPair({}, async (_, receiver) => {
    assert.is(receiver.stats().stalls, 0);
    assert.is(receiver.readySync("read", 1), false);
    assert.is(receiver.stats().stalls, 1);
  }),
);

leakCheck(test, async () => {
  const { sender, receiver } = await pair({});
  const readable = receiver.ready("read", undefined);
  sender.tryWrite(Uint8Array.of(1));
  await readable;
  sender.close();
  receiver.close();
});
test.run();
