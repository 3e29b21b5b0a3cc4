import { existsSync, lstatSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { FD_CLOEXEC, SIGPIPE, SOCK_DGRAM, SOCK_STREAM } from "../../src/ffi/abi/current.ts";
import { getDescriptorFlags } from "../../src/ffi/fcntl.ts";
import { close, pipe2, read, write } from "../../src/ffi/fd.ts";
import { sigaction } from "../../src/ffi/signal.ts";
import { accept4, bind, connect, listen, recv, send, socket } from "../../src/ffi/socket.ts";
import { sendmsg } from "../../src/ffi/socket-message.ts";
import { Channel } from "../../src/ipc/channel.ts";
import { asNobody, isRoot } from "../support/as-nobody.ts";
import { deadline } from "../support/deadline.ts";
import { isPending } from "../support/event-loop.ts";
import { failsWith } from "../support/fails-with.ts";
import { leakCheck } from "../support/leak-check.ts";
import { nativePeer } from "../support/native-peer.ts";
import { startPeer } from "../support/peer-process.ts";
import { removeJournalsAtExit } from "../support/remove-journals.ts";
import { currentRuntime } from "../support/runtimes.ts";
import { skip } from "../support/skip.ts";
import { uniqueName } from "../support/unique-name.ts";
import { PEER } from "./contract/by-name.ts";

const LIMIT = 30_000;
const test = suite("facts of unix sockets");
const startNative = nativePeer("unix-peer");
const folder = mkdtempSync(join(tmpdir(), "unix-facts-"));
process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
removeJournalsAtExit();

const text = (value: string) => new TextEncoder().encode(value);
const newPath = () => join(folder, uniqueName());
const newName = () => uniqueName("millrace");
const newAddresses = () => [`unix:${newPath()}`, `unix:@${newName()}`];

/** Both ends of a new channel. */
async function open(address = `unix:@${newName()}`): Promise<{ sender: Channel; receiver: Channel }> {
  const receiver = await Channel.receiver(address);
  return { receiver, sender: await Channel.sender(address) };
}

function contentOf(fd: number | undefined): string {
  assert.type(fd, "number");
  const bytes = new Uint8Array(100);
  const count = read(fd as number, bytes);
  close(fd as number);
  return new TextDecoder().decode(bytes.subarray(0, count));
}

/** The read end of a pipe that holds a text. */
function filledPipe(content: string): number {
  const [readEnd, writeEnd] = pipe2(0);
  write(writeEnd, text(content));
  close(writeEnd);
  return readEnd;
}

/** A plain socket that is connected to an address and is no millrace sender. */
function foreign(address: string): number {
  const fd = socket(SOCK_STREAM);
  try {
    connect(fd, address);
    return fd;
  } catch (error) {
    close(fd);
    throw error;
  }
}

test(
  "the files of a path are for this user only, and go with the ends",
  deadline(LIMIT, async () => {
    const path = newPath();
    const { sender, receiver } = await open(`unix:${path}`);
    assert.is(lstatSync(path).mode & 0o777, 0o600);
    assert.is(lstatSync(`${path}.lock`).mode & 0o777, 0o600);
    await receiver.close();
    assert.not.ok(existsSync(path));
    await sender.close();
    assert.equal(readdirSync(folder), []);

    const shared = await Channel.receiver(`unix:${path}`, { mode: 0o660 });
    assert.is(lstatSync(path).mode & 0o777, 0o660 & ~process.umask());
    await shared.close();
  }),
);

test(
  "a sender that came first waits, without a file of its own left when its time is over",
  deadline(LIMIT, async () => {
    for (const address of newAddresses()) {
      const opening = Channel.sender(address);
      assert.ok(await isPending(opening));
      await failsWith("IPC_BUSY", Channel.sender(address), /as sender: /);
      const receiver = await Channel.receiver(address);
      const sender = await opening;
      await sender.send(text("found"));
      assert.equal(await receiver.receive(), text("found"));
      // it has its sender, and takes no other one
      await sender.close();
      const next = Channel.sender(address);
      assert.ok(await isPending(next));
      assert.is(await receiver.receive(), undefined);
      await receiver.close();
      const second = await Channel.receiver(address);
      await (await next).close();
      assert.is(await second.receive(), undefined);
      await second.close();

      await failsWith("IPC_TIMEOUT", Channel.sender(address, { timeout: 20 }), /^Opening unix:.* as sender/);
      const abort = new AbortController();
      const aborted = failsWith("IPC_ABORTED", Channel.sender(address, { signal: abort.signal }));
      abort.abort();
      await aborted;
    }
    assert.equal(readdirSync(folder), []);
  }),
);

test(
  "a sender sees a foreign program that begins to listen after it has made its file",
  deadline(LIMIT, async () => {
    const path = newPath();
    const opening = Channel.sender(`unix:${path}`, { framing: "raw" });
    assert.ok(await isPending(opening));
    const server = socket(SOCK_STREAM);
    bind(server, path);
    assert.ok(await isPending(opening));
    listen(server, 1);
    const sender = await opening;
    const connection = accept4(server);
    await sender.send(text("bytes"));
    await sender.close();
    assert.is(contentOf(connection), "bytes");
    close(server);
    rmSync(path);
  }),
);

test(
  "the socket of a killed receiver is replaced, and so is what a program left that has no lock",
  deadline(LIMIT, async () => {
    const path = newPath();
    const peer = startPeer(currentRuntime(), PEER, ["receiver", `unix:${path}`, "{}", "hang"]);
    await peer.line("open");
    await failsWith("IPC_BUSY", Channel.receiver(`unix:${path}`));
    await failsWith("IPC_BUSY", Channel.remove(`unix:${path}`), /an end of it is open/);
    await peer.kill();
    const dead = lstatSync(path).ino;
    const waits = Channel.sender(`unix:${path}`);
    assert.ok(await isPending(waits));
    const receiver = await Channel.receiver(`unix:${path}`);
    const sender = await waits;
    assert.equal([receiver.peer.pid, sender.peer.pid], [process.pid, process.pid]);
    await sender.close();
    await receiver.close();
    assert.ok(dead > 0);

    const server = socket(SOCK_STREAM);
    bind(server, path);
    close(server);
    const again = await Channel.receiver(`unix:${path}`);
    await again.close();
    bind(socketOnce(), path);
    assert.is(await Channel.remove(`unix:${path}`), true);
    assert.is(await Channel.remove(`unix:${path}`), false);
    assert.equal(readdirSync(folder), []);
  }),
);

/** A socket that is closed when this turn of the event loop is over. */
function socketOnce(): number {
  const fd = socket(SOCK_STREAM);
  queueMicrotask(() => close(fd));
  return fd;
}

test(
  "a receiver that ends without closing takes its files along",
  deadline(LIMIT, async () => {
    for (const end of ["exit", "SIGTERM"]) {
      const path = newPath();
      const steps = end === "exit" ? ["await", "exit"] : ["await"];
      const peer = startPeer(currentRuntime(), PEER, ["receiver", `unix:${path}`, "{}", ...steps]);
      await peer.line("awaiting");
      assert.ok(existsSync(path));
      if (end === "exit") peer.resume();
      else process.kill(peer.pid, "SIGTERM");
      await peer.exit();
      assert.equal(readdirSync(folder), []);
    }
  }),
);

test(
  "only the first to connect is taken; others are turned away",
  deadline(LIMIT, async () => {
    const name = newName();
    const receiver = await Channel.receiver(`unix:@${name}`);
    const [first, second, third] = [1, 2, 3].map(() => foreign(`\0${name}`)) as [number, number, number];
    send(first, Uint8Array.of(1, 0, 0, 0, 7));
    assert.equal(await receiver.receive(), Uint8Array.of(7));
    for (const turnedAway of [second, third]) {
      assert.is(recv(turnedAway, new Uint8Array(1)), 0);
      close(turnedAway);
    }
    assert.throws(
      () => foreign(`\0${name}`),
      (error: { code?: string }) => error.code === "ECONNREFUSED",
    );
    close(first);
    await failsWith("IPC_PEER_GONE", receiver.receive());
    await receiver.close();
  }),
);

test(
  "what is at the path and is not ours is left alone",
  deadline(LIMIT, async () => {
    const path = newPath();
    const address = `unix:${path}`;
    const server = socket(SOCK_STREAM);
    bind(server, path);
    listen(server, 5);
    await failsWith("IPC_BUSY", Channel.receiver(address), /another process listens there/);
    close(server);
    rmSync(path);

    const datagrams = socket(SOCK_DGRAM);
    bind(datagrams, path);
    await failsWith("IPC_BUSY", Channel.receiver(address));
    await failsWith("IPC_EXISTS", Channel.sender(address), /no stream/);
    close(datagrams);
    rmSync(path);

    writeFileSync(path, "precious");
    await failsWith("IPC_EXISTS", Channel.receiver(address), /not a socket/);
    await failsWith("IPC_EXISTS", Channel.remove(address), /not a socket/);
    rmSync(path);
    symlinkSync("/etc/passwd", `${path}.lock`);
    await failsWith("IPC_EXISTS", Channel.receiver(address), /the file of its lock/);
    await failsWith("IPC_EXISTS", Channel.sender(address), /the file of its lock/);
    rmSync(`${path}.lock`);

    await failsWith("IPC_NOT_FOUND", Channel.receiver(`unix:${path}/no/folder`));
    await failsWith("IPC_NOT_FOUND", Channel.sender(`unix:${path}/no/folder`));
    const name = newName();
    const abstract = socket(SOCK_STREAM);
    bind(abstract, `\0${name}`);
    await failsWith("IPC_BUSY", Channel.receiver(`unix:@${name}`));
    close(abstract);
    assert.equal(readdirSync(folder), []);
  }),
);

test("an address that does not fit into a socket's is refused with its length", async () => {
  const long = "x".repeat(120);
  await failsWith(
    "RangeError",
    () => Channel.sender(`unix:/tmp/${long}`),
    /has 125 bytes, but a socket's path has at most 107/,
  );
  await failsWith(
    "RangeError",
    () => Channel.receiver(`unix:@${long}`),
    /has 120 bytes: such a name is 1 to 105 bytes/,
  );
  await failsWith("RangeError", () => Channel.receiver("unix:@"), /is empty/);
  await failsWith("RangeError", () => Channel.receiver("unix:@a\0b"), /holds a NUL/);
  await failsWith("RangeError", () => Channel.receiver("unix:"), /is empty/);
});

test(
  "the longest path and name work",
  deadline(LIMIT, async () => {
    const path = `${folder}/`.padEnd(107, "p");
    for (const address of [`unix:${path}`, `unix:@${newName().padEnd(105, "n")}`]) {
      const { sender, receiver } = await open(address);
      await sender.close();
      assert.is(await receiver.receive(), undefined);
      await receiver.close();
    }
  }),
);

test(
  "another user is kept out: by the file's mode, and by what the kernel says of the peer",
  deadline(LIMIT, async () => {
    if (!isRoot()) return skip("needs root");
    const path = newPath();
    const receiver = await Channel.receiver(`unix:${path}`);
    assert.throws(
      () => asNobody(() => foreign(path)),
      (error: { code?: string }) => error.code === "EACCES",
    );
    await receiver.close();

    const name = newName();
    const own = await Channel.receiver(`unix:@${name}`);
    const stranger = asNobody(() => foreign(`\0${name}`));
    assert.is(own.tryReceive(), undefined);
    assert.is(recv(stranger, new Uint8Array(1)), 0, "the stranger was turned away");
    close(stranger);
    const sender = await Channel.sender(`unix:@${name}`);
    await sender.close();
    assert.is(await own.receive(), undefined);
    await own.close();

    const open = await Channel.receiver(`unix:@${name}`, { otherUsers: true });
    const guest = asNobody(() => foreign(`\0${name}`));
    send(guest, Uint8Array.of(1, 0, 0, 0, 7));
    assert.equal(await open.receive(), Uint8Array.of(7));
    close(guest);
    await open.close();

    const server = socket(SOCK_STREAM);
    bind(server, `\0${name}`);
    asNobody(() => listen(server, 1));
    await failsWith(
      "IPC_PERMISSION",
      Channel.sender(`unix:@${name}`),
      /user 65534 listens there, in process \d+\. Open it with/,
    );
    await (await Channel.sender(`unix:@${name}`, { otherUsers: true })).close();
    close(server);
  }),
);

test(
  "a descriptor keeps its place among the messages, and is closed in children",
  deadline(LIMIT, async () => {
    const { sender, receiver } = await open();
    assert.is(sender.supports.descriptors, true);
    await sender.send(text("first"));
    const own = filledPipe("passed on");
    await sender.sendDescriptor(own);
    close(own);
    await sender.send(text("last"));
    await sender.close();

    await failsWith("IPC_UNSUPPORTED", receiver.receiveDescriptor(), /a message comes first/);
    assert.equal((await receiver.batches().next()).value, [text("first")]);
    await failsWith(
      "IPC_UNSUPPORTED",
      receiver.receive(),
      /a descriptor comes first\. Take it with receiveDescriptor\(\)/,
    );
    await failsWith("IPC_UNSUPPORTED", () => receiver.receiveSync());
    const descriptor = await receiver.receiveDescriptor();
    assert.is(getDescriptorFlags(descriptor as number), FD_CLOEXEC);
    assert.is(contentOf(descriptor), "passed on");
    assert.equal(await receiver.receive(), text("last"));
    assert.is(await receiver.receiveDescriptor(), undefined);
    assert.ok(receiver.ended);
    await receiver.close();
  }),
);

test(
  "a receiver waits for a descriptor, and one that is never taken is closed with the channel",
  deadline(LIMIT, async () => {
    const { sender, receiver } = await open();
    const waits = receiver.receiveDescriptor();
    assert.ok(await isPending(waits));
    const own = filledPipe("came");
    await sender.sendDescriptor(own);
    assert.is(contentOf(await waits), "came");
    await failsWith("IPC_TIMEOUT", receiver.receiveDescriptor({ timeout: 5 }), /^receiveDescriptor\(\) on unix:/);
    for (let i = 0; i < 5; i++) await sender.sendDescriptor(own);
    close(own);
    await failsWith("IPC_UNSUPPORTED", receiver.receive());
    await receiver.close();
    await failsWith("IPC_CLOSED", sender.sendDescriptor(0));
    await sender.close();
    // the leak check at the end counts them
  }),
);

test(
  "a descriptor waits for room like a message",
  deadline(LIMIT, async () => {
    const address = `unix:@${newName()}`;
    const receiver = await Channel.receiver(address);
    const sender = await Channel.sender(address, { capacity: 4096 });
    let sent = 0;
    while (sender.trySend(new Uint8Array(500))) sent++;
    const own = filledPipe("waited");
    const early = failsWith("IPC_TIMEOUT", sender.sendDescriptor(own, { timeout: 5 }));
    const waits = sender.sendDescriptor(own);
    assert.ok(await isPending(waits));
    await early;
    for (let i = 0; i < sent; i++) await receiver.receive();
    await waits;
    close(own);
    assert.is(contentOf(await receiver.receiveDescriptor()), "waited");
    await sender.close();
    assert.is(await receiver.receive(), undefined);
    await receiver.close();
  }),
);

test(
  "descriptors go without waiting, and with the thread blocked",
  deadline(LIMIT, async () => {
    const name = newName();
    const receiver = await Channel.receiver(`unix:@${name}`, { codec: "text" });
    assert.is(receiver.tryReceiveDescriptor(), undefined);
    await failsWith(
      "IPC_TIMEOUT",
      () => receiver.receiveDescriptorSync({ timeout: 5 }),
      /^receiveDescriptorSync\(\) on/,
    );
    const sends = startNative("send", name);
    assert.is(receiver.receiveSync({ timeout: 20_000 }), "one");
    const first = /a message comes first/;
    await failsWith("IPC_UNSUPPORTED", () => receiver.receiveDescriptorSync({ timeout: 20_000 }), first);
    await failsWith("IPC_UNSUPPORTED", () => receiver.tryReceiveDescriptor(), first);
    assert.is(receiver.receiveSync(), "");
    assert.is(contentOf(receiver.receiveDescriptorSync({ timeout: 20_000 })), "in a pipe");
    assert.is(receiver.receiveDescriptorSync({ timeout: 20_000 }), undefined);
    assert.is(receiver.tryReceiveDescriptor(), undefined);
    assert.ok(receiver.ended);
    await sends.end();
    await receiver.close();

    const pair = await open();
    const own = filledPipe("tried");
    assert.ok(pair.sender.trySendDescriptor(own));
    assert.is(contentOf(pair.receiver.tryReceiveDescriptor()), "tried");
    close(own);
    await failsWith("TypeError", () => pair.sender.sendDescriptorSync("1" as unknown as number), /must be a number/);
    let sent = 0;
    while (pair.sender.trySend(new Uint8Array(5000))) sent++;
    assert.not(pair.sender.trySendDescriptor(0), "no room");
    await failsWith(
      "IPC_TIMEOUT",
      () => pair.sender.sendDescriptorSync(0, { timeout: 5 }),
      /^sendDescriptorSync\(\) on/,
    );
    const waits = pair.sender.sendDescriptor(0);
    assert.not(pair.sender.trySendDescriptor(0), "behind the other");
    for (let i = 0; i < sent; i++) await pair.receiver.receive();
    await waits;
    pair.sender.sendDescriptorSync(0, { timeout: 20_000 });
    for (let i = 0; i < 2; i++) close(pair.receiver.receiveDescriptorSync() as number);
    await pair.sender.close();
    await failsWith("IPC_CLOSED", () => pair.sender.trySendDescriptor(0));
    await pair.receiver.close();
    await failsWith("IPC_CLOSED", () => pair.receiver.tryReceiveDescriptor());
  }),
);

test(
  "what cannot be passed on is refused",
  deadline(LIMIT, async () => {
    const { sender, receiver } = await open();
    await failsWith(
      "TypeError",
      sender.sendDescriptor("1" as unknown as number),
      /descriptor is 1, but must be a number/,
    );
    await failsWith("RangeError", sender.sendDescriptor(-1), /descriptor is -1/);
    await failsWith("TypeError", receiver.sendDescriptor(1), /this is the receiver/);
    await failsWith("TypeError", sender.receiveDescriptor(), /this is the sender/);
    let code = "";
    await sender.sendDescriptor(2 ** 31 - 1).catch((error) => {
      code = error.code;
    });
    assert.is(code, "EBADF");
    await sender.send(text("goes on"));
    assert.equal(await receiver.receive(), text("goes on"));
    await sender.close();
    await receiver.close();

    const { sender: pipeSender, receiver: pipeReceiver } = await Channel.pipe();
    await failsWith("IPC_UNSUPPORTED", pipeSender.sendDescriptor(0), /only a unix: channel/);
    await failsWith("IPC_UNSUPPORTED", pipeReceiver.receiveDescriptor(), /only a unix: channel/);
    await pipeSender.close();
    await pipeReceiver.close();
  }),
);

test(
  "hostile bytes are IPC_CORRUPT, and descriptors that nobody announced are closed",
  deadline(LIMIT, async () => {
    const streams: [number[], boolean][] = [
      [[0, 0, 0, 0x80], false],
      [[0xfd, 0xff, 0xff, 0xff], true],
      [[0xfe, 0xff, 0xff, 0xff], false],
    ];
    for (const [bytes, withDescriptor] of streams) {
      const name = newName();
      const receiver = await Channel.receiver(`unix:@${name}`);
      const hostile = foreign(`\0${name}`);
      const descriptors = withDescriptor ? [0] : [];
      sendmsg(hostile, Uint8Array.from(bytes), { descriptors });
      await failsWith("IPC_CORRUPT", receiver.receive());
      assert.is(await receiver.receive(), undefined);
      close(hostile);
      await receiver.close();
    }

    const name = newName();
    const receiver = await Channel.receiver(`unix:@${name}`);
    const hostile = foreign(`\0${name}`);
    send(hostile, Uint8Array.of(1, 0, 0, 0, 7));
    assert.equal(await receiver.receive(), Uint8Array.of(7));
    const before = readdirSync("/proc/self/fd").length;
    for (let i = 0; i < 50; i++) sendmsg(hostile, Uint8Array.of(1, 0, 0, 0, i), { descriptors: [0, 0, 0] });
    for (let i = 0; i < 50; i++) assert.equal(await receiver.receive(), Uint8Array.of(i));
    assert.is(receiver.tryReceive(), undefined);
    assert.ok(readdirSync("/proc/self/fd").length <= before, "of 150 descriptors none stays");
    // a frame that comes byte by byte keeps its descriptor
    sendmsg(hostile, Uint8Array.of(0xfe), { descriptors: [0] });
    assert.is(receiver.tryReceive(), undefined);
    for (const byte of [0xff, 0xff, 0xff]) {
      send(hostile, Uint8Array.of(byte));
      if (byte === 0) assert.is(receiver.tryReceive(), undefined);
    }
    const descriptor = await receiver.receiveDescriptor();
    close(descriptor as number);
    close(hostile);
    await failsWith("IPC_PEER_GONE", receiver.receive());
    await receiver.close();
  }),
);

test(
  "a C program sends and receives, messages and descriptors",
  deadline(LIMIT, async () => {
    const name = newName();
    const receiver = await Channel.receiver(`unix:@${name}`, { codec: "text" });
    const sends = startNative("send", name);
    assert.is(await receiver.receive(), "one");
    assert.is(receiver.peer.pid, sends.pid);
    assert.is(await receiver.receive(), "");
    assert.is(contentOf(await receiver.receiveDescriptor()), "in a pipe");
    assert.is(await receiver.receive(), undefined);
    await sends.end();
    await receiver.close();

    const receives = startNative("receive", name);
    assert.is(await receives.line(), "listens");
    const sender = await Channel.sender(`unix:@${name}`, { codec: "text" });
    const [readEnd, writeEnd] = pipe2(0);
    await sender.send("hello");
    await sender.sendDescriptor(writeEnd);
    close(writeEnd);
    assert.is(contentOf(readEnd), "from C");
    await sender.close();
    assert.equal([await receives.line(), await receives.line()], ["5 hello", "end"]);
    await receives.end();
  }),
);

test(
  "descriptors that a C program sends unasked are closed",
  deadline(LIMIT, async () => {
    const name = newName();
    const receiver = await Channel.receiver(`unix:@${name}`, { codec: "text" });
    const peer = startNative("unasked", name);
    assert.equal([await receiver.receive(), await receiver.receive()], ["two", "three"]);
    assert.is(await receiver.receive(), undefined);
    await peer.end();
    await receiver.close();
  }),
);

test(
  "lines come from and go to programs that know nothing of frames, and their end is clean",
  deadline(LIMIT, async () => {
    const name = newName();
    const receiver = await Channel.receiver(`unix:@${name}`, { framing: "lines", codec: "text" });
    assert.is(receiver.supports.descriptors, false);
    const program = foreign(`\0${name}`);
    sendmsg(program, text("one\ntwo"), { descriptors: [0] });
    assert.is(await receiver.receive(), "one");
    close(program);
    assert.is(await receiver.receive(), "two");
    assert.is(await receiver.receive(), undefined);
    await failsWith("IPC_UNSUPPORTED", receiver.receiveDescriptor());
    await receiver.close();
  }),
);

test(
  "no write raises SIGPIPE",
  deadline(LIMIT, async () => {
    const before = sigaction(SIGPIPE, "default");
    const { sender, receiver } = await open();
    await receiver.close();
    await failsWith("IPC_CLOSED", sender.send(text("to nobody")));
    await failsWith("IPC_CLOSED", sender.sendDescriptor(0));
    await sender.close();
    sigaction(SIGPIPE, before === "default" ? "default" : "ignore");
  }),
);

test(
  "stats and capacity are the kernel's",
  deadline(LIMIT, async () => {
    const address = `unix:@${newName()}`;
    const receiver = await Channel.receiver(address);
    const sender = await Channel.sender(address, { capacity: 100_000 });
    assert.is(sender.stats().capacityBytes, 100_000);
    await sender.send(new Uint8Array(96));
    receiver.tryReceive();
    await sender.send(new Uint8Array(96));
    assert.is(receiver.stats().backlogBytes, 100);
    await sender.close();
    await receiver.close();
    const second = await Channel.receiver(address);
    await failsWith("IPC_LIMIT", Channel.sender(address, { capacity: 2 ** 28 }), /wmem_max/);
    await failsWith("IPC_PEER_GONE", second.receive());
    await second.close();
  }),
);

leakCheck(test, async () => {
  for (const address of newAddresses()) {
    const opening = Channel.sender(address);
    assert.ok(await isPending(opening));
    const receiver = await Channel.receiver(address);
    await (await opening).close();
    await receiver.receive();
    await receiver.close();
  }
});
test.run();
