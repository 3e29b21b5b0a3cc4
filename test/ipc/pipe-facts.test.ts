import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { FD_CLOEXEC, O_NONBLOCK, O_RDONLY, O_RDWR, O_WRONLY, SIGPIPE } from "../../src/ffi/abi/current.ts";
import { lazyBind } from "../../src/ffi/bind.ts";
import { getDescriptorFlags, getStatusFlags, setPipeSize } from "../../src/ffi/fcntl.ts";
import { close, dup3, fstat, open, pipe2, read, write } from "../../src/ffi/fd.ts";
import { sigaction } from "../../src/ffi/signal.ts";
import { type ChildEnd, pairForChild } from "../../src/ipc/adapters/pipe.ts";
import { Channel, createChannel } from "../../src/ipc/channel.ts";
import type { Side } from "../../src/ipc/link.ts";
import type { ChannelOptions } from "../../src/ipc/options.ts";
import { runtime } from "../../src/runtime.ts";
import { deadline } from "../support/deadline.ts";
import { isPending, turnEventLoop } from "../support/event-loop.ts";
import { failsWith } from "../support/fails-with.ts";
import { leakCheck } from "../support/leak-check.ts";
import { compileNative } from "../support/native-program.ts";
import { type PeerProcess, startPeer } from "../support/peer-process.ts";
import { commandFor, currentRuntime } from "../support/runtimes.ts";
import { skip } from "../support/skip.ts";
import { Person, receiveFrom, streamMessages } from "../support/stream-messages.ts";

const PEER = "test/support/stream-peer.ts";
const LIMIT = 40_000;
const test = suite("pipe facts");
const folder = join(tmpdir(), `pipe-facts-${process.pid}`);
let native = "";

test.before(() => {
  mkdirSync(folder);
  native = compileNative("stream-peer");
});

test.after(() => {
  rmSync(folder, { recursive: true });
});

/** One end here, the other in a process of the tests. */
async function withPeer(
  peerSide: Side,
  args: readonly string[],
  options: ChannelOptions = {},
): Promise<{ channel: Channel; peer: PeerProcess }> {
  const { link, child } = await pairForChild(peerSide, options);
  const [verb = "", ...others] = args;
  const peer = startPeer(currentRuntime(), PEER, [verb, "pipe:3", ...others], child.fd);
  child.close();
  return { channel: createChannel(link), peer };
}

/** The lines that a process says until it ends. */
async function linesOf(peer: PeerProcess): Promise<string[]> {
  const { status, lines } = await peer.exit();
  assert.is(status, 0);
  return lines;
}

test(
  "a reader slower than the writer blocks the writer",
  deadline(LIMIT, async () => {
    for (const form of ["async", "sync"]) {
      const { channel, peer } = await withPeer("sender", ["fill", "length", form], { capacity: 4096 });
      await peer.line("full after 4");
      const more = peer.line("sent one more");
      assert.ok(await isPending(more));
      for (let i = 0; i < 4; i++) assert.is((await channel.receive())?.length, 1000);
      await more;
      assert.is((await channel.receive())?.length, 1000);
      assert.is(await channel.receive(), undefined);
      await channel.close();
      await linesOf(peer);
    }
  }),
);

test(
  "an empty pipe blocks the reader",
  deadline(LIMIT, async () => {
    const { channel, peer } = await withPeer("receiver", ["receive", "length"]);
    await peer.line("waiting");
    const received = peer.line("received 3");
    assert.ok(await isPending(received));
    const messages = streamMessages(1);
    for (let i = 0; i < 3; i++) await channel.send(messages.at(i));
    await channel.close();
    await received;
    await linesOf(peer);
  }),
);

test(
  "a writer that closes gives the end of the stream, after everything it sent",
  deadline(LIMIT, async () => {
    for (const form of ["receive", "receive-sync"]) {
      const { channel, peer } = await withPeer("receiver", [form, "length"], { capacity: 4096 });
      const messages = streamMessages(1);
      for (let i = 0; i < 30; i++) await channel.send(messages.at(i));
      await channel.close();
      assert.ok((await linesOf(peer)).includes("received 30"));
    }
  }),
);

test(
  "a writer that is killed is IPC_PEER_GONE, once, after everything it sent",
  deadline(LIMIT, async () => {
    const { channel, peer } = await withPeer("sender", ["send-and-stay", "length", "20"], { capacity: 1 << 20 });
    const messages = streamMessages(1);
    for (let i = 0; i < 10; i++) messages.verify(i, (await channel.receive()) as Uint8Array);
    await peer.line("sent 20");
    await peer.kill();
    for (let i = 10; i < 20; i++) messages.verify(i, (await channel.receive()) as Uint8Array);
    assert.is(channel.peer.alive, false);
    await failsWith("IPC_PEER_GONE", channel.receive(), /pipe:\d+ went without closing$/);
    assert.is(await channel.receive(), undefined);
    await channel.close();
  }),
);

test(
  "a writer that is killed while the reader waits wakes it",
  deadline(LIMIT, async () => {
    const { channel, peer } = await withPeer("sender", ["send-and-stay", "length", "0"]);
    await peer.line("sent 0");
    const received = channel.receive();
    assert.ok(await isPending(received));
    assert.is(channel.peer.alive, true);
    const failed = failsWith("IPC_PEER_GONE", received);
    await peer.kill();
    await failed;
    await channel.close();
  }),
);

test(
  "a writer that is killed in the middle of a message: IPC_PEER_GONE, and no half message",
  deadline(LIMIT, async () => {
    const [readEnd, writeEnd] = pipe2(O_NONBLOCK);
    const receiver = await Channel.receiver(`pipe:${readEnd}`);
    write(writeEnd, Uint8Array.of(2, 0, 0, 0, 1, 2, 100, 0, 0, 0, 1, 2, 3));
    close(writeEnd);
    assert.equal(await receiver.receive(), Uint8Array.of(1, 2));
    await failsWith("IPC_PEER_GONE", receiver.receive(), /in the middle of a message/);
    assert.is(await receiver.receive(), undefined);
    await receiver.close();
  }),
);

test(
  "with framing lines and raw a writer that is killed is the end",
  deadline(LIMIT, async () => {
    for (const framing of ["lines", "raw"] as const) {
      const { channel, peer } = await withPeer("sender", ["send-and-stay", framing, "0"], { framing });
      assert.is(channel.supports.peerDeath, false);
      await peer.line("sent 0");
      await peer.kill();
      assert.is(await channel.receive(), undefined);
      await channel.close();
    }
  }),
);

test(
  "a reader that closes or is killed is IPC_CLOSED, and never the death of the writer",
  deadline(LIMIT, async () => {
    for (const size of ["10", "4092", "100000"]) {
      const { channel, peer } = await withPeer("sender", ["send-until-error", "length", size]);
      await channel.receive();
      await channel.close();
      assert.equal((await linesOf(peer)).slice(-3), ["IPC_CLOSED", "IPC_CLOSED again", "still alive"]);
    }
    const { channel, peer } = await withPeer("receiver", ["receive-some", "length", "1000000"]);
    await channel.send(new Uint8Array(1));
    assert.is(channel.peer.alive, true);
    await peer.kill();
    assert.is(channel.peer.alive, false);
    await failsWith("IPC_CLOSED", () => channel.trySend(new Uint8Array(1)), /pipe:\d+: the receiver has closed/);
    await failsWith("IPC_CLOSED", channel.send(new Uint8Array(100_000)));
    await channel.close();
  }),
);

test(
  "a reader that closes wakes a writer that waits",
  deadline(LIMIT, async () => {
    const { channel, peer } = await withPeer("receiver", ["receive-some", "length", "1"], { capacity: 4096 });
    const failed = failsWith(
      "IPC_CLOSED",
      channel.send(new Uint8Array(1_000_000)).then(() => channel.send(new Uint8Array(1_000_000))),
    );
    await peer.line("closed");
    await failed;
    await channel.close();
    peer.resume();
    await linesOf(peer);
  }),
);

test(
  "SIGPIPE: the default is changed to ignore when a sender opens, a handler is left alone",
  deadline(LIMIT, async () => {
    const before = sigaction(SIGPIPE);
    assert.is(before, "ignore", "every supported runtime ignores it from the start");
    try {
      sigaction(SIGPIPE, "default");
      const { sender, receiver } = await Channel.pipe();
      assert.is(sigaction(SIGPIPE), "ignore");
      await receiver.close();
      await failsWith("IPC_CLOSED", sender.send(new Uint8Array(1)));
      await sender.close();
      sigaction(SIGPIPE, "interrupt");
      const handled = sigaction(SIGPIPE);
      const second = await Channel.pipe();
      assert.is(sigaction(SIGPIPE), handled);
      await second.sender.close();
      await second.receiver.close();
    } finally {
      sigaction(SIGPIPE, "ignore");
    }
  }),
);

test(
  "the capacity is readable and settable, rounded up to a power of two of pages",
  deadline(LIMIT, async () => {
    for (const [asked, got] of [
      [undefined, 65_536],
      [1, 4096],
      [4096, 4096],
      [5000, 8192],
      [100_000, 131_072],
      [1_048_576, 1_048_576],
    ] as const) {
      const { sender, receiver } = await Channel.pipe(asked === undefined ? {} : { capacity: asked });
      assert.is(sender.stats().capacityBytes, got);
      assert.is(receiver.stats().capacityBytes, got);
      await sender.send(new Uint8Array(50));
      assert.equal([sender.stats().backlogBytes, receiver.stats().backlogBytes], [54, 54], "with its frame");
      await sender.close();
      await receiver.close();
    }
  }),
);

test(
  "a pipe takes as many bytes as its capacity says, then it is full",
  deadline(LIMIT, async () => {
    const { sender, receiver } = await Channel.pipe({ capacity: 16_384, framing: "raw" });
    let taken = 0;
    while (sender.trySend(new Uint8Array(4096))) taken += 4096;
    assert.is(taken, 16_384);
    await receiver.close();
    await sender.close({ timeout: 0 }).catch(() => {});
  }),
);

test(
  "a capacity over the limit is IPC_LIMIT and names it",
  deadline(LIMIT, async () => {
    const root = process.getuid?.() === 0;
    const { seteuid } = lazyBind({ seteuid: { parameters: ["u32"], result: "i32" } })();
    if (root) seteuid(65_534);
    try {
      const error = await failsWith(
        "IPC_LIMIT",
        Channel.pipe({ capacity: 2 ** 28 }),
        /268435456 bytes: \/proc\/sys\/fs\/pipe-max-size allows \d+/,
      );
      assert.is((error.cause as NodeJS.ErrnoException).code, "EPERM");
    } finally {
      if (root) seteuid(0);
    }
  }),
);

test(
  "messages of up to PIPE_BUF of four writing processes never mix",
  deadline(LIMIT, async () => {
    const { link, child } = await pairForChild("sender", {});
    const channel = createChannel(link);
    const people = [11, 22, 33, 44].map((number) => new Person(number, 1500));
    const peers = people.map(({ number, messages }) =>
      startPeer(currentRuntime(), PEER, ["send-as-person", "pipe:3", "length", `${messages}`, `${number}`], child.fd),
    );
    child.close();
    await receiveFrom(people, channel);
    await channel.close();
    for (const peer of peers) await linesOf(peer);
  }),
);

test(
  "lines of up to PIPE_BUF of four writing processes never mix",
  deadline(LIMIT, async () => {
    const { link, child } = await pairForChild("sender", { framing: "lines" });
    const channel = createChannel(link);
    const script = 'for i in $(seq 300); do printf "%s\\n" "$0 $i $1"; done >&3';
    const children = [1, 2, 3, 4].map((number) =>
      spawn("sh", ["-c", script, `${number}`, `${number}`.repeat(number * 900)], {
        stdio: ["ignore", "inherit", "inherit", child.fd],
      }),
    );
    child.close();
    const counts = [0, 0, 0, 0, 0];
    for await (const line of channel) {
      const [number = "", index, text] = new TextDecoder().decode(line).split(" ");
      assert.is(text, number.repeat(Number(number) * 900));
      const count = (counts[Number(number)] ?? 0) + 1;
      counts[Number(number)] = count;
      assert.is(index, `${count}`);
    }
    assert.equal(counts, [0, 300, 300, 300, 300]);
    await channel.close();
    for (const { exitCode } of children) assert.ok(exitCode === 0 || exitCode === null);
  }),
);

test(
  "a writer that closes while another goes on is not the end",
  deadline(LIMIT, async () => {
    const [readEnd, writeEnd] = pipe2();
    const copy = open(`/proc/self/fd/${writeEnd}`, O_WRONLY);
    const receiver = await Channel.receiver(`pipe:${readEnd}`);
    const first = await Channel.sender(`pipe:${writeEnd}`);
    const second = await Channel.sender(`pipe:${copy}`);
    await first.send(Uint8Array.of(1));
    await first.close();
    assert.equal(await receiver.receive(), Uint8Array.of(1));
    const next = receiver.receive();
    assert.ok(await isPending(next));
    await second.send(Uint8Array.of(2));
    assert.equal(await next, Uint8Array.of(2));
    await second.close();
    assert.is(await receiver.receive(), undefined);
    await receiver.close();
  }),
);

test(
  "messages of all sizes cross between two processes, in both directions, with little and with much room",
  deadline(LIMIT, async () => {
    for (const capacity of [4096, 65_536, 1_048_576]) {
      const messages = streamMessages(capacity);
      const { channel, peer } = await withPeer("sender", ["send", "length", "120", `${capacity}`], { capacity });
      let received = 0;
      for await (const message of channel) messages.verify(received++, message);
      assert.is(received, 120);
      await channel.close();
      await linesOf(peer);

      const other = await withPeer("receiver", ["receive", "length", "0", `${capacity}`], { capacity });
      for (let i = 0; i < 120; i++) await other.channel.send(messages.at(i));
      await other.channel.close();
      assert.ok((await linesOf(other.peer)).includes("received 120"));
    }
  }),
);

test(
  "close() waits until the end is in a pipe that is full",
  deadline(LIMIT, async () => {
    const { sender, receiver } = await Channel.pipe({ capacity: 4096 });
    let sent = 0;
    while (sender.trySend(new Uint8Array(1020))) sent++;
    assert.is(sent, 4);
    const closed = sender.close();
    assert.ok(await isPending(closed));
    for (let i = 0; i < sent; i++) assert.is((await receiver.receive())?.length, 1020);
    await closed;
    assert.is(await receiver.receive(), undefined);
    await receiver.close();
  }),
);

test(
  "a long message that closing cut off is IPC_PEER_GONE, not an end",
  deadline(LIMIT, async () => {
    const { sender, receiver } = await Channel.pipe({ capacity: 4096 });
    assert.ok(sender.trySend(new Uint8Array(20_000)));
    await failsWith("IPC_TIMEOUT", sender.close({ timeout: 1 }));
    await failsWith("IPC_PEER_GONE", receiver.receive(), /in the middle of a message/);
    await receiver.close();
  }),
);

test(
  "the caller may change the bytes of a message as soon as trySend() has returned",
  deadline(LIMIT, async () => {
    for (const framing of ["length", "lines"] as const) {
      const { sender, receiver } = await Channel.pipe({ capacity: 4096, framing });
      const message = new Uint8Array(50_000).fill(1);
      assert.ok(sender.trySend(message));
      message.fill(2);
      assert.is(sender.trySend(message), false);
      assert.equal(await receiver.receive(), new Uint8Array(50_000).fill(1));
      await sender.close();
      assert.is(await receiver.receive(), undefined);
      await receiver.close();
    }
  }),
);

test(
  "raw: bytes go through as they are; an empty chunk is refused",
  deadline(LIMIT, async () => {
    const { sender, receiver } = await Channel.pipe({ capacity: 4096, framing: "raw" });
    const bytes = streamMessages(5).at(3);
    const sending = sender.send(bytes).then(() => sender.close());
    const chunks: Uint8Array[] = [];
    for await (const chunk of receiver) chunks.push(chunk);
    await sending;
    assert.ok(Buffer.concat(chunks).equals(bytes));
    await receiver.close();
    const other = await Channel.pipe({ framing: "raw" });
    await failsWith("IPC_UNSUPPORTED", other.sender.send(new Uint8Array(0)));
    await other.sender.close();
    assert.is(await other.receiver.receive(), undefined);
    await other.receiver.close();
  }),
);

test(
  "lines: a message with a newline is a TypeError, and nothing was sent",
  deadline(LIMIT, async () => {
    const { sender, receiver } = await Channel.pipe({ framing: "lines", codec: "text" });
    await failsWith("TypeError", sender.send("two\nlines"), /newline at byte 3/);
    await sender.send("");
    await sender.send("one");
    await sender.send("x".repeat(30_000));
    await sender.close();
    const lines: string[] = [];
    for await (const line of receiver) lines.push(line);
    assert.equal(lines, ["", "one", "x".repeat(30_000)]);
    await receiver.close();
  }),
);

test(
  "a message over maxMessageBytes is IPC_TOO_LARGE at the receiver, which goes on behind it",
  deadline(LIMIT, async () => {
    const [readEnd, writeEnd] = pipe2();
    const receiver = await Channel.receiver(`pipe:${readEnd}`, { maxMessageBytes: 1000 });
    const sender = await Channel.sender(`pipe:${writeEnd}`);
    const sending = (async () => {
      for (const size of [1000, 1001, 100_000, 7]) await sender.send(new Uint8Array(size));
      await sender.close();
    })();
    assert.is((await receiver.receive())?.length, 1000);
    await failsWith("IPC_TOO_LARGE", receiver.receive(), /1001 bytes and was skipped: maxMessageBytes is 1000/);
    await failsWith("IPC_TOO_LARGE", receiver.receive(), /100000 bytes/);
    assert.is((await receiver.receive())?.length, 7);
    assert.is(await receiver.receive(), undefined);
    await sending;
    await receiver.close();
  }),
);

test(
  "a frame that no sender writes is IPC_CORRUPT, then the end",
  deadline(LIMIT, async () => {
    const [readEnd, writeEnd] = pipe2();
    const receiver = await Channel.receiver(`pipe:${readEnd}`);
    write(writeEnd, Uint8Array.of(0, 0, 0, 0x90, 1, 2, 3));
    await failsWith("IPC_CORRUPT", receiver.receive(), /2415919104 bytes, which no sender writes/);
    assert.is(await receiver.receive(), undefined);
    close(writeEnd);
    await receiver.close();
  }),
);

test(
  "pipe:FD takes the descriptor over and does not touch flags that others share",
  deadline(LIMIT, async () => {
    const [readEnd, writeEnd] = pipe2();
    const shared = open(`/proc/self/fd/${readEnd}`, O_RDONLY);
    // a descriptor that shares the open file, as those of a parent and its child do
    dup3(shared, readEnd);
    const receiver = await Channel.receiver(`pipe:${readEnd}`);
    assert.is(receiver.address, `pipe:${readEnd}`);
    assert.is(getStatusFlags(shared) & O_NONBLOCK, 0);
    await failsWith(
      "IPC_NOT_FOUND",
      () => Channel.receiver(`pipe:${readEnd + 500}`),
      /no descriptor \d+\. Give it one.*stdio/,
    );
    const sender = await Channel.sender(`pipe:${writeEnd}`);
    await sender.send(Uint8Array.of(9));
    assert.equal(await receiver.receive(), Uint8Array.of(9));
    await sender.close();
    assert.is(await receiver.receive(), undefined, "no copy of the end to write to is left open");
    await receiver.close();
    close(shared);
  }),
);

test(
  "pipe:FD refuses what is not a pipe and says what it found",
  deadline(LIMIT, async () => {
    writeFileSync(join(folder, "file"), "");
    const { socketpair } = lazyBind({ socketpair: { parameters: ["i32", "i32", "i32", "buffer"], result: "i32" } })();
    const sockets = new Int32Array(2);
    assert.is(socketpair(1, 1, 0, sockets), 0);
    const descriptors: [number, RegExp][] = [
      [open(join(folder, "file"), O_RDWR), /is a file\. .*cat FILE/],
      [open(folder, O_RDONLY), /is a folder/],
      [open("/dev/null", O_RDWR), /is a terminal or another device/],
      [sockets[0] as number, /is a socket\. .*stdio: "pipe"/],
    ];
    for (const [fd, pattern] of descriptors) {
      const error = await failsWith("IPC_UNSUPPORTED", () => Channel.sender(`pipe:${fd}`), pattern);
      assert.match(error.message, `Cannot open pipe:${fd} as sender`);
      close(fd);
    }
    close(sockets[1] as number);
    const [readEnd, writeEnd] = pipe2();
    await failsWith(
      "TypeError",
      () => Channel.sender(`pipe:${readEnd}`),
      /open for reading, and a sender needs the end to write to/,
    );
    await failsWith(
      "TypeError",
      () => Channel.receiver(`pipe:${writeEnd}`),
      /open for writing, and a receiver needs the end to read from/,
    );
    close(readEnd);
    close(writeEnd);
    for (const text of ["-1", "x", "1.5", "2147483648", ""])
      await failsWith("RangeError", () => Channel.sender(`pipe:${text}`));
  }),
);

test(
  "a descriptor whose opening fails is left as it was",
  deadline(LIMIT, async () => {
    const [readEnd, writeEnd] = pipe2();
    setPipeSize(writeEnd, 16_384);
    write(writeEnd, new Uint8Array(10_000));
    const busy = await Channel.receiver(`pipe:${readEnd}`, { capacity: 4096 }).catch((error) => error);
    assert.is(busy.code, "EBUSY", "it holds more than that");
    assert.is(read(readEnd, new Uint8Array(20_000)), 10_000);
    close(readEnd);
    close(writeEnd);
  }),
);

test(
  "processes joined by a shell: pipe:1 into pipe:0",
  deadline(LIMIT, async () => {
    const send = shellWords(["send", "pipe:1", "length", "40", "8"]);
    const receive = shellWords(["receive", "pipe:0", "length", "0", "8"]);
    const { stdout, status } = await run(`${send} | ${receive}`);
    assert.is(status, 0);
    assert.match(stdout, /received 40/);
  }),
);

test(
  "closing pipe:1 gives the reader its end while the process lives on, and the number stays taken",
  deadline(LIMIT, async () => {
    const { command, args, env } = commandFor(currentRuntime(), PEER, ["close-and-stay", "pipe:1", "raw"]);
    const [readEnd, writeEnd] = pipe2();
    const child = spawn(command, args, { stdio: ["ignore", writeEnd, "pipe"], env: { ...process.env, ...env } });
    close(writeEnd);
    const receiver = await Channel.receiver(`pipe:${readEnd}`, { framing: "raw", codec: "text" });
    assert.is(await receiver.receive(), "last words");
    // it says that it has closed
    await once(child.stderr as NodeJS.ReadableStream, "data");
    // Deno keeps a copy of its standard streams for itself, and so does Bun once somebody uses process.stdout
    if (runtime !== "deno") {
      assert.is(await receiver.receive(), undefined);
      assert.is(child.exitCode, null);
    }
    child.kill("SIGUSR2");
    await once(child, "exit");
    assert.is(await receiver.receive(), undefined);
    await receiver.close();
  }),
);

test(
  "a child gets its end by stdio, and none of the others",
  deadline(LIMIT, async () => {
    const { link, child } = await pairForChild("receiver", { framing: "raw" });
    assert.is(getDescriptorFlags(child.fd), FD_CLOEXEC);
    assert.is(getStatusFlags(child.fd) & O_NONBLOCK, 0, "foreign programs want to block");
    const cat = spawn("cat", [], { stdio: [child.fd, "pipe", "inherit"] });
    child.close();
    child.close();
    const channel = createChannel(link);
    await channel.send(new TextEncoder().encode("to a cat"));
    await channel.close();
    assert.is(await textOf(cat.stdout), "to a cat");
  }),
);

test(
  "a child end that nobody closed is closed with the channel",
  deadline(LIMIT, async () => {
    const { link, child } = await pairForChild("sender", {});
    const before = fstat(child.fd).ino;
    link.close();
    assert.not.ok(isOpen(child, before));
  }),
);

test(
  "inheritable() lets a child have the descriptor under its own number",
  deadline(LIMIT, async () => {
    const { link, child } = await pairForChild("sender", { framing: "raw", codec: "text" });
    child.inheritable(true);
    assert.is(getDescriptorFlags(child.fd), 0);
    if (runtime === "bun") {
      skip("Bun closes in its children whatever is not in stdio");
    } else {
      const { status } = await run(`printf inherited >/dev/fd/${child.fd}`);
      assert.is(status, 0);
    }
    child.inheritable(false);
    assert.is(getDescriptorFlags(child.fd), FD_CLOEXEC);
    child.close();
    const channel = createChannel(link);
    const received = await channel.receive();
    if (runtime !== "bun") assert.is(new TextDecoder().decode(received), "inherited");
    await channel.close();
  }),
);

test(
  "lines: to and from a C program",
  deadline(LIMIT, async () => {
    const { to, from } = await filter([native, "upper"], { framing: "lines" });
    await to.send(new TextEncoder().encode("one line"));
    assert.is(new TextDecoder().decode(await from.receive()), "ONE LINE");
    await to.send(new TextEncoder().encode("y".repeat(70_000)));
    assert.is(new TextDecoder().decode(await from.receive()), "Y".repeat(70_000));
    await to.close();
    assert.is(await from.receive(), undefined);
    await from.close();
  }),
);

test(
  "raw: from and to a C program",
  deadline(LIMIT, async () => {
    const total = 300_000;
    const pattern = await filter([native, "pattern", `${total}`], { framing: "raw" });
    const chunks: Uint8Array[] = [];
    for await (const chunk of pattern.from) chunks.push(chunk);
    const expected = Uint8Array.from({ length: total }, (_, i) => i * 7);
    assert.ok(Buffer.concat(chunks).equals(expected));
    await pattern.to.close();
    await pattern.from.close();

    const sum = await filter([native, "sum"], { framing: "raw" });
    for (let i = 0; i < 100; i++) await sum.to.send(new Uint8Array(3000).fill(i));
    await sum.to.close();
    assert.is(new TextDecoder().decode(await sum.from.receive()), `300000 ${3000 * 4950}\n`);
    await sum.from.close();
  }),
);

test(
  "length: to and from a C program",
  deadline(LIMIT, async () => {
    const { to, from } = await filter([native, "echo"], {});
    const messages = streamMessages(77);
    const sending = (async () => {
      for (let i = 0; i < 40; i++) await to.send(messages.at(i));
      await to.close();
    })();
    let received = 0;
    for await (const message of from) messages.verify(received++, message.reverse());
    assert.is(received, 40);
    await sending;
    await from.close();
  }),
);

test(
  "length: a C program that is killed is IPC_PEER_GONE",
  deadline(LIMIT, async () => {
    const { to, from, child } = await filter([native, "sleep"], {});
    const received = from.receive();
    await turnEventLoop();
    const gone = once(child, "exit");
    child.kill("SIGKILL");
    await failsWith("IPC_PEER_GONE", received);
    await gone;
    await failsWith("IPC_CLOSED", to.send(new Uint8Array(1)));
    await to.close();
    await from.close();
  }),
);

leakCheck(test, async () => {
  const { sender, receiver } = await Channel.pipe();
  const waiting = receiver.receive();
  await sender.send(new Uint8Array(1));
  await waiting;
  await sender.close();
  await receiver.close();
  await run("true");
});
test.run();

/** A program between two pipes. */
async function filter([command = "", ...args]: readonly string[], options: ChannelOptions) {
  const input = await pairForChild("receiver", options);
  const output = await pairForChild("sender", options);
  const child = spawn(command, args, { stdio: [input.child.fd, output.child.fd, "inherit"] });
  input.child.close();
  output.child.close();
  return { to: createChannel(input.link), from: createChannel(output.link), child };
}

function shellWords(args: readonly string[]): string {
  const { command, args: all, env } = commandFor(currentRuntime(), PEER, args);
  const variables = Object.entries(env).map(([name, value]) => `${name}='${value}'`);
  return [...variables, ...[command, ...all].map((word) => `'${word}'`)].join(" ");
}

async function run(script: string): Promise<{ stdout: string; status: number | null }> {
  const child = spawn("sh", ["-c", script], { stdio: ["ignore", "pipe", "inherit"] });
  const exit = once(child, "close");
  const stdout = await textOf(child.stdout);
  await exit;
  return { stdout, status: child.exitCode };
}

async function textOf(stream: NodeJS.ReadableStream | null): Promise<string> {
  let text = "";
  for await (const part of stream ?? []) text += part;
  return text;
}

function isOpen({ fd }: ChildEnd, ino: number): boolean {
  try {
    return fstat(fd).ino === ino;
  } catch {
    return false;
  }
}
