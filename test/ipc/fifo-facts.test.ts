import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { O_NONBLOCK, O_RDONLY, O_WRONLY } from "../../src/ffi/abi/current.ts";
import { lazyBind } from "../../src/ffi/bind.ts";
import { close, open, read, write } from "../../src/ffi/fd.ts";
import { mkfifo } from "../../src/ffi/fifo.ts";
import { SystemError } from "../../src/ffi/system-error.ts";
import { Channel } from "../../src/ipc/channel.ts";
import { deadline } from "../support/deadline.ts";
import { isPending, turnEventLoop } from "../support/event-loop.ts";
import { failsWith } from "../support/fails-with.ts";
import { leakCheck } from "../support/leak-check.ts";
import { compileNative } from "../support/native-program.ts";
import { type PeerProcess, startPeer } from "../support/peer-process.ts";
import { currentRuntime } from "../support/runtimes.ts";
import { Person, receiveFrom, streamMessages } from "../support/stream-messages.ts";
import { uniqueName } from "../support/unique-name.ts";

const PEER = "test/support/stream-peer.ts";
const LIMIT = 40_000;
const test = suite("fifo facts");
let folder = "";
let native = "";

test.before(() => {
  folder = mkdtempSync(join(tmpdir(), "fifo-facts-"));
  native = compileNative("stream-peer");
});

test.after(() => rmSync(folder, { recursive: true }));

/** Whether a descriptor of this process, by its number as text, is an inotify instance. Bun and Deno have none of their own here. */
function isWatch(descriptor: string): boolean {
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`) === "anon_inode:inotify";
  } catch {
    return false;
  }
}

function newPath(): string {
  return join(folder, uniqueName());
}

function peerAt(path: string, verb: string, ...args: readonly string[]): PeerProcess {
  return startPeer(currentRuntime(), PEER, [verb, `fifo:${path}`, ...args]);
}

async function linesOf(peer: PeerProcess): Promise<string[]> {
  const { status, lines } = await peer.exit();
  assert.is(status, 0);
  return lines;
}

/** Runs a shell script; resolves to what it printed. */
async function shell(script: string, ...args: string[]): Promise<string> {
  const child = spawn("sh", ["-c", script, "sh", ...args], { stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  const closed = once(child, "close");
  for await (const part of child.stdout) text += part;
  await closed;
  assert.is(child.exitCode, 0, script);
  return text;
}

test(
  "a receiver opens before there is a sender, and waits: no writer yet is not the end",
  deadline(LIMIT, async () => {
    const path = newPath();
    const receiver = await Channel.receiver(`fifo:${path}`);
    assert.is(receiver.tryReceive(), undefined);
    assert.is(receiver.ended, false);
    assert.is(receiver.peer.alive, undefined);
    const received = receiver.receive();
    assert.ok(await isPending(received));
    const peer = peerAt(path, "send", "length", "10");
    const messages = streamMessages(1);
    messages.verify(0, (await received) as Uint8Array);
    assert.is(receiver.peer.alive, true);
    for (let i = 1; i < 10; i++) messages.verify(i, (await receiver.receive()) as Uint8Array);
    assert.is(await receiver.receive(), undefined);
    await linesOf(peer);
    await receiver.close();
    assert.not.ok(existsSync(path));
  }),
);

test(
  "receiveSync() waits for a sender that has not come yet",
  deadline(LIMIT, async () => {
    const path = newPath();
    const receiver = await Channel.receiver(`fifo:${path}`);
    await failsWith("IPC_TIMEOUT", () => receiver.receiveSync({ timeout: 20 }));
    const peer = peerAt(path, "send", "length", "3");
    streamMessages(1).verify(0, receiver.receiveSync() as Uint8Array);
    await receiver.receive();
    await receiver.receive();
    assert.is(receiver.receiveSync(), undefined);
    await receiver.close();
    await linesOf(peer);
  }),
);

test(
  "a sender waits for a receiver at opening",
  deadline(LIMIT, async () => {
    const path = newPath();
    const opening = Channel.sender(`fifo:${path}`);
    assert.ok(await isPending(opening));
    const peer = peerAt(path, "receive", "length");
    const sender = await opening;
    const messages = streamMessages(1);
    for (let i = 0; i < 20; i++) await sender.send(messages.at(i));
    await sender.close();
    assert.ok((await linesOf(peer)).includes("received 20"));
    assert.not.ok(existsSync(path));
  }),
);

test(
  "a sender that waits is found by a foreign reader that itself blocks in open",
  deadline(LIMIT, async () => {
    const path = newPath();
    const opening = Channel.sender(`fifo:${path}`, { framing: "lines", codec: "text" });
    await turnEventLoop();
    const printed = shell('cat "$1"', path);
    const sender = await opening;
    await sender.send("to the cat");
    await sender.close();
    assert.is(await printed, "to the cat\n");
  }),
);

test(
  "a sender that waits is found by a foreign reader that does not block",
  deadline(LIMIT, async () => {
    const path = newPath();
    const opening = Channel.sender(`fifo:${path}`, { framing: "raw" });
    assert.ok(await isPending(opening));
    const fd = open(path, O_RDONLY | O_NONBLOCK);
    const sender = await opening;
    await sender.send(Uint8Array.of(1, 2, 3));
    const bytes = new Uint8Array(10);
    assert.is(read(fd, bytes), 3);
    while (sender.trySend(new Uint8Array(4096)));
    while (read(fd, new Uint8Array(4096)) === 4096);
    assert.ok(sender.trySend(bytes), "it never blocked");
    assert.is(read(fd, bytes), 10);
    assert.not.ok(readdirSync("/proc/self/fd").some(isWatch), "nothing watches the path any more");
    await sender.close();
    assert.is(read(fd, bytes), 0);
    close(fd);
  }),
);

test(
  "a foreign writer that blocks in open is let in by a receiver",
  deadline(LIMIT, async () => {
    const path = newPath();
    mkfifo(path);
    const printed = shell('printf "a\\n\\nlast" >"$1"', path);
    const receiver = await Channel.receiver(`fifo:${path}`, { framing: "lines", codec: "text" });
    const lines: string[] = [];
    for await (const line of receiver) lines.push(line);
    assert.equal(lines, ["a", "", "last"]);
    await printed;
    await receiver.close();
    assert.ok(existsSync(path), "who did not make it does not remove it");
  }),
);

test(
  "wait: false is O_NONBLOCK: ENXIO without a receiver, an open end with one",
  deadline(LIMIT, async () => {
    const path = newPath();
    for (const existing of [false, true]) {
      if (existing) mkfifo(path);
      const error = await Channel.sender(`fifo:${path}`, { wait: false }).catch((reason) => reason);
      assert.instance(error, SystemError);
      assert.equal([error.code, error.syscall, error.path], ["ENXIO", "open", path]);
      assert.is(existsSync(path), existing, "it leaves what it found");
    }
    const receiver = await Channel.receiver(`fifo:${path}`, { wait: false });
    const sender = await Channel.sender(`fifo:${path}`, { wait: false });
    await sender.send(Uint8Array.of(5));
    assert.equal(await receiver.receive(), Uint8Array.of(5));
    await sender.close();
    await receiver.close();
  }),
);

test(
  "an opening that waits ends with its timeout or its signal, and leaves nothing",
  deadline(LIMIT, async () => {
    const path = newPath();
    for (const timeout of [0, 1, 60]) {
      const what = new RegExp(`^Opening fifo:${path} as sender did not end within ${timeout} ms`);
      await failsWith("IPC_TIMEOUT", Channel.sender(`fifo:${path}`, { timeout }), what);
      assert.not.ok(existsSync(path));
    }
    const abort = new AbortController();
    const opening = Channel.sender(`fifo:${path}`, { signal: abort.signal, timeout: 30_000 });
    assert.ok(await isPending(opening));
    assert.ok(existsSync(path));
    abort.abort(new Error("enough"));
    const error = await failsWith("IPC_ABORTED", opening);
    assert.is((error.cause as Error).message, "enough");
    assert.not.ok(existsSync(path));
    const signal = AbortSignal.abort();
    await failsWith("IPC_ABORTED", Channel.receiver(`fifo:${path}`, { signal }));
    assert.not.ok(existsSync(path));
  }),
);

test(
  "a sender whose opening failed left no writer behind",
  deadline(LIMIT, async () => {
    const path = newPath();
    mkfifo(path);
    await failsWith("IPC_TIMEOUT", Channel.sender(`fifo:${path}`, { timeout: 30 }));
    const fd = open(path, O_RDONLY | O_NONBLOCK);
    assert.is(read(fd, new Uint8Array(1)), 0, "0 means that nobody has it open for writing");
    close(fd);
  }),
);

test(
  "a process may end while an opening waits",
  deadline(LIMIT, async () => {
    const path = newPath();
    mkfifo(path);
    const peer = peerAt(path, "exit-while-opening");
    await peer.line("waiting");
    peer.resume();
    assert.is((await peer.exit()).status, 7);
  }),
);

test(
  "when the sender that made the FIFO gives up, another that waits makes a new one",
  deadline(LIMIT, async () => {
    const path = newPath();
    const abort = new AbortController();
    const first = Channel.sender(`fifo:${path}`, { signal: abort.signal });
    assert.ok(await isPending(first));
    const second = Channel.sender(`fifo:${path}`);
    assert.ok(await isPending(second));
    abort.abort();
    await failsWith("IPC_ABORTED", first);
    while (!existsSync(path)) await turnEventLoop(1);
    const receiver = await Channel.receiver(`fifo:${path}`);
    const sender = await second;
    await sender.send(Uint8Array.of(1));
    assert.equal(await receiver.receive(), Uint8Array.of(1));
    await sender.close();
    await receiver.close();
  }),
);

test(
  "a sender that waits is not fooled by a FIFO that is replaced",
  deadline(LIMIT, async () => {
    const path = newPath();
    mkfifo(path);
    const opening = Channel.sender(`fifo:${path}`);
    assert.ok(await isPending(opening));
    rmSync(path);
    mkfifo(path);
    const receiver = await Channel.receiver(`fifo:${path}`);
    const sender = await opening;
    await sender.send(Uint8Array.of(1));
    assert.equal(await receiver.receive(), Uint8Array.of(1));
    await sender.close();
    await receiver.close();
    assert.ok(existsSync(path), "neither made this one");
  }),
);

test(
  "something else at the path is refused and stays",
  deadline(LIMIT, async () => {
    const file = newPath();
    writeFileSync(file, "content");
    const link = newPath();
    symlinkSync(file, link);
    const directory = newPath();
    mkdirSync(directory);
    for (const path of [file, link, directory, "/dev/null"]) {
      for (const open of [Channel.sender, Channel.receiver]) {
        await failsWith(
          "IPC_EXISTS",
          open.call(Channel, `fifo:${path}`),
          /there is something at this path that is not a FIFO/,
        );
      }
      await failsWith("IPC_EXISTS", Channel.remove(`fifo:${path}`));
      assert.ok(existsSync(path));
    }
    await failsWith("IPC_NOT_FOUND", Channel.receiver(`fifo:${folder}/no/such`));
    await failsWith("IPC_NOT_FOUND", Channel.receiver(`fifo:${file}/below`));
  }),
);

test(
  "a symbolic link to a FIFO is as good as the FIFO; one to nowhere is an error",
  deadline(LIMIT, async () => {
    const path = newPath();
    const link = newPath();
    mkfifo(path);
    symlinkSync(path, link);
    const receiver = await Channel.receiver(`fifo:${link}`);
    const sender = await Channel.sender(`fifo:${path}`);
    await sender.send(Uint8Array.of(1));
    assert.equal(await receiver.receive(), Uint8Array.of(1));
    await sender.close();
    await receiver.close();
    rmSync(path);
    const error = await Channel.receiver(`fifo:${link}`).catch((reason) => reason);
    assert.is(error.code, "IPC_NOT_FOUND");
  }),
);

test(
  "permissions: 0600 or what is asked for, less the umask; no permission is IPC_PERMISSION",
  deadline(LIMIT, async () => {
    const umask = process.umask(0o027);
    try {
      for (const [mode, got] of [
        [undefined, 0o600],
        [0o666, 0o640],
      ] as const) {
        const path = newPath();
        const receiver = await Channel.receiver(`fifo:${path}`, mode === undefined ? {} : { mode });
        assert.is(lstatSync(path).mode & 0o777, got);
        await receiver.close();
      }
    } finally {
      process.umask(umask);
    }
    const path = newPath();
    mkfifo(path, 0);
    const closed = newPath();
    mkdirSync(closed, { mode: 0o555 });
    const root = process.getuid?.() === 0;
    const { seteuid } = lazyBind({ seteuid: { parameters: ["u32"], result: "i32" } })();
    if (root) seteuid(65_534);
    try {
      await failsWith("IPC_PERMISSION", Channel.receiver(`fifo:${path}`), /^Cannot open fifo:.* as receiver: EACCES/);
      await failsWith("IPC_PERMISSION", Channel.receiver(`fifo:${closed}/fifo`));
    } finally {
      if (root) seteuid(0);
    }
  }),
);

test(
  "the end that made the FIFO removes it, unless it has been replaced",
  deadline(LIMIT, async () => {
    const path = newPath();
    const receiver = await Channel.receiver(`fifo:${path}`);
    const sender = await Channel.sender(`fifo:${path}`);
    await sender.close();
    assert.ok(existsSync(path));
    await receiver.close();
    assert.not.ok(existsSync(path));

    const again = await Channel.receiver(`fifo:${path}`);
    rmSync(path);
    writeFileSync(path, "somebody else's");
    await again.close();
    assert.ok(existsSync(path));
    rmSync(path);

    const last = await Channel.receiver(`fifo:${path}`);
    rmSync(path);
    mkfifo(path);
    await last.close();
    assert.ok(existsSync(path));
  }),
);

test(
  "remove() takes the FIFO away; ends that are open go on",
  deadline(LIMIT, async () => {
    const path = newPath();
    assert.is(await Channel.remove(`fifo:${path}`), false);
    const receiver = await Channel.receiver(`fifo:${path}`);
    const sender = await Channel.sender(`fifo:${path}`);
    assert.is(await Channel.remove(`fifo:${path}`), true);
    await sender.send(Uint8Array.of(1));
    await sender.close();
    assert.equal(await receiver.receive(), Uint8Array.of(1));
    assert.is(await receiver.receive(), undefined);
    await receiver.close();
  }),
);

test(
  "both ends opened at the same time by several processes meet at one FIFO",
  deadline(LIMIT, async () => {
    const path = newPath();
    for (let round = 0; round < 3; round++) {
      const people = [1, 2, 3].map((number) => new Person(number, 5));
      const peers = people.map(({ number }) => peerAt(path, "send-as-person-and-stay", "length", "5", `${number}`));
      const receiver = await Channel.receiver(`fifo:${path}`);
      const all = receiveFrom(people, receiver);
      for (const peer of peers) await peer.line("sent");
      for (const peer of peers) peer.resume();
      await all;
      for (const peer of peers) await linesOf(peer);
      await receiver.close();
      assert.not.ok(existsSync(path));
    }
  }),
);

test(
  "messages of up to PIPE_BUF of four sending processes never mix",
  deadline(LIMIT, async () => {
    const path = newPath();
    const receiver = await Channel.receiver(`fifo:${path}`);
    const hold = await Channel.sender(`fifo:${path}`);
    const people = [11, 22, 33, 44].map((number) => new Person(number, 1500));
    const peers = people.map(({ number, messages }) =>
      peerAt(path, "send-as-person", "length", `${messages}`, `${number}`),
    );
    const all = receiveFrom(people, receiver);
    for (const peer of peers) await linesOf(peer);
    await hold.close();
    await all;
    await receiver.close();
  }),
);

test(
  "a sender that comes and goes without a message is IPC_PEER_GONE with lengths, and the end of raw bytes",
  deadline(LIMIT, async () => {
    for (const framing of ["length", "raw"] as const) {
      const path = newPath();
      const receiver = await Channel.receiver(`fifo:${path}`, { framing });
      const received = receiver.receive();
      assert.ok(await isPending(received));
      close(open(path, O_WRONLY | O_NONBLOCK));
      if (framing === "raw") assert.is(await received, undefined);
      else await failsWith("IPC_PEER_GONE", received);
      assert.is(await receiver.receive(), undefined);
      await receiver.close();
    }
  }),
);

test(
  "after its end a receiver stays at its end, also when another sender comes",
  deadline(LIMIT, async () => {
    const path = newPath();
    const receiver = await Channel.receiver(`fifo:${path}`);
    const first = await Channel.sender(`fifo:${path}`);
    await first.close();
    assert.is(await receiver.receive(), undefined);
    const second = await Channel.sender(`fifo:${path}`);
    await second.send(Uint8Array.of(1));
    assert.is(await receiver.receive(), undefined);
    await receiver.close();
    await failsWith("IPC_CLOSED", second.send(Uint8Array.of(2)));
    await second.close();
  }),
);

test(
  "after IPC_CLOSED a sender stays closed, also when another receiver comes",
  deadline(LIMIT, async () => {
    const path = newPath();
    mkfifo(path);
    const fd = open(path, O_RDONLY | O_NONBLOCK);
    const sender = await Channel.sender(`fifo:${path}`, { capacity: 4096 });
    assert.ok(sender.trySend(new Uint8Array(10_000)));
    close(fd);
    await failsWith("IPC_CLOSED", sender.send(Uint8Array.of(1)));
    const receiver = await Channel.receiver(`fifo:${path}`);
    // one of these reports what trySend() had begun
    for (let i = 0; i < 3; i++) await failsWith("IPC_CLOSED", sender.send(Uint8Array.of(1)));
    await sender.close();
    await receiver.close();
  }),
);

test(
  "a sender that is killed is IPC_PEER_GONE, a receiver that is killed IPC_CLOSED",
  deadline(LIMIT, async () => {
    const path = newPath();
    const receiver = await Channel.receiver(`fifo:${path}`);
    const peer = peerAt(path, "send-and-stay", "length", "2");
    await receiver.receive();
    await receiver.receive();
    await peer.line("sent 2");
    const failed = failsWith("IPC_PEER_GONE", receiver.receive(), new RegExp(`fifo:${path}`));
    await peer.kill();
    await failed;
    await receiver.close();

    const opening = Channel.sender(`fifo:${path}`, { capacity: 4096 });
    // who makes it removes it
    while (!existsSync(path)) await turnEventLoop(1);
    const other = peerAt(path, "receive", "length");
    const sender = await opening;
    await other.line("waiting");
    await other.kill();
    await failsWith(
      "IPC_CLOSED",
      sender.send(new Uint8Array(100_000)),
      new RegExp(`fifo:${path}: the receiver has closed`),
    );
    await sender.close();
    assert.not.ok(existsSync(path));
  }),
);

test(
  "the capacity is readable and settable from both ends",
  deadline(LIMIT, async () => {
    const path = newPath();
    const receiver = await Channel.receiver(`fifo:${path}`, { capacity: 8192 });
    const sender = await Channel.sender(`fifo:${path}`);
    assert.is(sender.stats().capacityBytes, 8192);
    const other = await Channel.sender(`fifo:${path}`, { capacity: 16_384 });
    assert.is(receiver.stats().capacityBytes, 16_384);
    await sender.send(new Uint8Array(100));
    assert.equal([sender.stats().backlogBytes, receiver.stats().backlogBytes], [104, 104], "with its frame");
    await receiver.receive();
    const left = sender.stats().backlogBytes;
    // what it is would tell who wrote it
    if (left !== 0) {
      const bytes = new Uint8Array(64);
      const fd = open(path, O_RDONLY | O_NONBLOCK);
      const count = sender.stats().backlogBytes === 0 ? 0 : read(fd, bytes);
      close(fd);
      assert.unreachable(`${left} bytes were left, and then: ${count > 0 ? bytes.subarray(0, count) : "none"}`);
    }
    for (const channel of [sender, other, receiver]) await channel.close();
  }),
);

test(
  "lines and raw bytes to and from a C program between two FIFOs",
  deadline(LIMIT, async () => {
    const [input, output] = [newPath(), newPath()];
    mkfifo(input);
    mkfifo(output);
    const done = shell('"$1" upper <"$2" >"$3"', native, input, output);
    // the order in which the shell opens them
    const to = await Channel.sender(`fifo:${input}`, { framing: "lines", codec: "text" });
    const from = await Channel.receiver(`fifo:${output}`, { framing: "lines", codec: "text" });
    for (const line of ["first", "", "third"]) await to.send(line);
    await to.close();
    const lines: string[] = [];
    for await (const line of from) lines.push(line);
    assert.equal(lines, ["FIRST", "", "THIRD"]);
    await from.close();
    await done;

    const summed = shell('"$1" sum <"$2"', native, input);
    const raw = await Channel.sender(`fifo:${input}`, { framing: "raw" });
    const bytes = streamMessages(3).at(9);
    await raw.send(bytes);
    await raw.close();
    assert.is(await summed, `${bytes.length} ${bytes.reduce((sum, byte) => sum + byte, 0)}\n`);
  }),
);

test(
  "frames by hand: what the format says is what another program has to write",
  deadline(LIMIT, async () => {
    const path = newPath();
    const receiver = await Channel.receiver(`fifo:${path}`, { codec: "text" });
    const fd = open(path, O_WRONLY);
    write(fd, Uint8Array.of(2, 0, 0, 0, 0x68, 0x69, 0, 0, 0, 0));
    assert.is(await receiver.receive(), "hi");
    assert.is(await receiver.receive(), "");
    write(fd, Uint8Array.of(255, 255, 255, 255));
    close(fd);
    assert.is(await receiver.receive(), undefined);
    await receiver.close();
  }),
);

leakCheck(test, async () => {
  const path = newPath();
  // as many at a time as ever wait in this file, for each takes a thread, which is kept
  const openings = [Channel.sender(`fifo:${path}`), Channel.sender(`fifo:${path}`)];
  await turnEventLoop();
  const receiver = await Channel.receiver(`fifo:${path}`);
  const received = receiver.receive();
  const senders = await Promise.all(openings);
  await senders[0]?.send(Uint8Array.of(1));
  await received;
  for (const channel of [...senders, receiver]) await channel.close();
  await shell("true");
});
test.run();
