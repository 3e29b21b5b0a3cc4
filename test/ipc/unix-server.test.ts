import { existsSync, lstatSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { RLIMIT_NOFILE, SOCK_STREAM } from "../../src/ffi/abi/current.ts";
import { close, open, pipe2, read, write } from "../../src/ffi/fd.ts";
import { gettid } from "../../src/ffi/ids.ts";
import { getrlimit, setrlimit } from "../../src/ffi/rlimit.ts";
import { bind, connect, listen, recv, socket } from "../../src/ffi/socket.ts";
import { Channel } from "../../src/ipc/channel.ts";
import { UnixConnection } from "../../src/ipc/unix-connection.ts";
import { UnixServer } from "../../src/ipc/unix-server.ts";
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
import { startThreads } from "../sync/start-threads.ts";

const LIMIT = 30_000;
const test = suite("unix servers and connections");
const startNative = nativePeer("unix-peer");
const folder = mkdtempSync(join(tmpdir(), "unix-server-"));
process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
removeJournalsAtExit();

const newAddresses = () => [`unix:${join(folder, uniqueName())}`, `unix:@${uniqueName("millrace")}`];

/** A server, and a client of it with the connection that the server has. */
async function openAll(address = `unix:@${uniqueName("millrace")}`) {
  const server = await UnixServer.listen(address, { codec: "text" });
  const client = await UnixConnection.connect(address, { codec: "text" });
  return { server, client, connection: await server.accept() };
}

test(
  "every client has a connection of its own, both ways",
  deadline(LIMIT, async () => {
    for (const address of newAddresses()) {
      const server = await UnixServer.listen(address, { codec: "text" });
      assert.is(server.address, address);
      const clients = await Promise.all([1, 2, 3].map(() => UnixConnection.connect(address, { codec: "text" })));
      let served = 0;
      for await (const connection of server) {
        const client = clients[served++] as UnixConnection<string>;
        assert.equal([connection.credentials.pid, client.credentials.pid], [process.pid, process.pid]);
        assert.equal(client.receiver.peer, { alive: true, pid: process.pid });
        await connection.sender.send(`you are number ${served}`);
        assert.is(await client.receiver.receive(), `you are number ${served}`);
        await client.sender.send("thanks");
        assert.is(await connection.receiver.receive(), "thanks");
        await connection.close();
        assert.is(await client.receiver.receive(), undefined);
        await failsWith("IPC_CLOSED", client.sender.send("more"));
        await client.close();
        if (served === clients.length) break;
      }
      await server.close();
      await server.close();
      await failsWith("IPC_CLOSED", server.accept());
      for await (const _ of server) throw new Error("a closed server gives nothing");
    }
    assert.equal(readdirSync(folder), []);
  }),
);

test(
  "a direction ends by itself",
  deadline(LIMIT, async () => {
    const [one, other] = await UnixConnection.pair({ codec: "json" });
    await one.sender.send({ ask: 1 });
    await one.sender.close();
    assert.equal(await other.receiver.receive(), { ask: 1 });
    assert.is(await other.receiver.receive(), undefined);
    await other.sender.send({ answer: 2 });
    assert.equal(await one.receiver.receive(), { answer: 2 });
    assert.is(one.closed, false);
    await one.receiver.close();
    assert.is(one.closed, true);
    await failsWith("IPC_CLOSED", other.sender.send({ answer: 3 }));
    await other.close();

    const [left, right] = await UnixConnection.pair();
    const waits = failsWith("IPC_PEER_GONE", right.receiver.receive());
    left.abandon();
    await waits;
    right[Symbol.dispose]();
    await left.close();
  }),
);

test(
  "both ways at once, more than the buffers hold",
  deadline(LIMIT, async () => {
    const [one, other] = await UnixConnection.pair({ capacity: 8192 });
    const drain = async ({ receiver }: UnixConnection) => {
      let bytes = 0;
      for await (const message of receiver) bytes += message.length;
      return bytes;
    };
    const feed = async ({ sender }: UnixConnection) => {
      for (let i = 0; i < 200; i++) await sender.send(new Uint8Array(5000));
      await sender.close();
    };
    const [first, second] = await Promise.all([drain(one), drain(other), feed(one), feed(other)]);
    assert.equal([first, second], [1_000_000, 1_000_000]);
    await one.close();
    await other.close();
  }),
);

test(
  "a connection passes descriptors on both ways",
  deadline(LIMIT, async () => {
    const [one, other] = await UnixConnection.pair();
    const [readEnd, writeEnd] = pipe2(0);
    await one.sender.sendDescriptor(writeEnd);
    await other.sender.sendDescriptor(readEnd);
    close(readEnd);
    close(writeEnd);
    const into = (await other.receiver.receiveDescriptor()) as number;
    const from = (await one.receiver.receiveDescriptor()) as number;
    write(into, Uint8Array.of(7));
    close(into);
    const bytes = new Uint8Array(2);
    assert.is(read(from, bytes), 1);
    assert.is(bytes[0], 7);
    close(from);
    // never taken, on either side
    await one.sender.sendDescriptor(0);
    await other.sender.sendDescriptor(0);
    await one.close();
    await other.close();
  }),
);

test(
  "accept() waits, with a time limit and a signal, and close() ends it",
  deadline(LIMIT, async () => {
    const { server, client, connection } = await openAll();
    assert.is(server.tryAccept(), undefined);
    await failsWith("IPC_TIMEOUT", server.accept({ timeout: 5 }), /^accept\(\) on unix:@/);
    const abort = new AbortController();
    const aborted = failsWith("IPC_ABORTED", server.accept({ signal: abort.signal }));
    abort.abort();
    await aborted;
    const waits = server.accept();
    assert.ok(await isPending(waits));
    const late = await UnixConnection.connect(server.address);
    await (await waits).close();
    await late.close();
    const ended = failsWith("IPC_CLOSED", server.accept());
    await server.close();
    await ended;
    await failsWith("IPC_NOT_FOUND", UnixConnection.connect(server.address), /nobody listens there/);
    // what was accepted goes on
    await client.sender.send("still here");
    assert.is(await connection.receiver.receive(), "still here");
    await client.close();
    await connection.close();
  }),
);

test(
  "connect() waits for room among those who wait to be accepted",
  deadline(LIMIT, async () => {
    for (const address of newAddresses()) {
      const server = await UnixServer.listen(address, { backlog: 1 });
      const first = [await UnixConnection.connect(address), await UnixConnection.connect(address)];
      const waits = UnixConnection.connect(address);
      assert.ok(await isPending(waits));
      await failsWith("IPC_TIMEOUT", UnixConnection.connect(address, { timeout: 10 }), /^Connecting to unix:/);
      const accepted = [await server.accept()];
      const last = await waits;
      for (let connection = server.tryAccept(); connection !== undefined; connection = server.tryAccept()) {
        accepted.push(connection);
      }
      for (const connection of [...first, last, ...accepted]) connection.abandon();
      await server.close();
    }
  }),
);

test(
  "acceptSync() blocks until somebody connects, and tells why not",
  deadline(LIMIT, async () => {
    const name = uniqueName("millrace");
    const server = await UnixServer.listen(`unix:@${name}`, { codec: "text" });
    await failsWith("IPC_TIMEOUT", () => server.acceptSync({ timeout: 5 }), /^acceptSync\(\) on unix:@.* within 5 ms/);
    await failsWith("IPC_TIMEOUT", () => server.acceptSync({ timeout: 0 }));
    await failsWith(
      "TypeError",
      () => server.acceptSync({ signal: AbortSignal.abort() } as object),
      /cannot be aborted/,
    );
    const peer = startNative("echo", name);
    const connection = server.acceptSync({ timeout: 20_000 });
    assert.is(connection.credentials.pid, peer.pid);
    connection.sender.sendSync("hello");
    assert.is(connection.receiver.receiveSync(), "hello");
    await connection.sender.close();
    assert.is(connection.receiver.receiveSync(), undefined);
    await connection.receiver.close();
    await peer.end();
    await server.close();
    await failsWith("IPC_CLOSED", () => server.acceptSync(), /^acceptSync\(\) on/);
    await failsWith("IPC_CLOSED", () => server.tryAccept(), /^tryAccept\(\) on/);
  }),
);

test(
  "connectSync() connects, blocks while there is no room, and tells why not",
  deadline(LIMIT, async () => {
    for (const address of newAddresses()) {
      await failsWith("IPC_NOT_FOUND", () => UnixConnection.connectSync(address), /nobody listens there/);
      const server = await UnixServer.listen(address, { codec: "v8" });
      const client = UnixConnection.connectSync(address, { codec: "v8", timeout: 0 });
      const connection = server.tryAccept() as UnixConnection<unknown>;
      client.sender.sendSync({ number: 7n });
      assert.equal(connection.receiver.receiveSync(), { number: 7n });
      await client.close();
      await connection.close();
      await server.close();
    }
    const name = uniqueName("millrace");
    const listening = socket(SOCK_STREAM);
    bind(listening, `\0${name}`);
    listen(listening, 0);
    const first = UnixConnection.connectSync(`unix:@${name}`);
    const connect = (timeout: number) => UnixConnection.connectSync(`unix:@${name}`, { timeout });
    await failsWith("IPC_TIMEOUT", () => connect(0));
    await failsWith("IPC_TIMEOUT", () => connect(5), /^Connecting to unix:@.* within 5 ms/);
    const peer = startPeer(currentRuntime(), "test/ipc/peers/accepts-all.ts", [`${gettid()}`], listening);
    const second = connect(20_000);
    assert.is(second.credentials.pid, process.pid, "who listened");
    close(listening);
    await peer.kill();
    for (const one of [first, second]) one.abandon();
  }),
);

test(
  "without a free descriptor accept() fails once each time, and the connection waits",
  deadline(LIMIT, async () => {
    if (currentRuntime() === "deno") return skip("Deno ends itself when it has no descriptor left");
    const { server, client, connection } = await openAll();
    const late = await UnixConnection.connect(server.address, { codec: "text" });
    const waiting = server.tryAccept();
    await waiting?.close();
    const another = await UnixConnection.connect(server.address, { codec: "text" });
    const limit = getrlimit(RLIMIT_NOFILE);
    const lowest = open("/dev/null", 0);
    close(lowest);
    setrlimit(RLIMIT_NOFILE, { ...limit, soft: lowest });
    try {
      assert.throws(() => server.tryAccept(), /Cannot accept a connection on unix:@.*EMFILE/);
      await failsWith("IPC_LIMIT", server.accept());
      await failsWith("IPC_LIMIT", server[Symbol.asyncIterator]().next());
    } finally {
      setrlimit(RLIMIT_NOFILE, limit);
    }
    const accepted = await server.accept();
    await accepted.sender.send("at last");
    assert.is(await another.receiver.receive(), "at last");
    for (const one of [client, connection, late, another, accepted]) await one.close();
    await server.close();
  }),
);

test(
  "a descriptor that finds no room is IPC_LIMIT, and the messages go on",
  deadline(LIMIT, async () => {
    if (currentRuntime() === "deno") return skip("Deno ends itself when it has no descriptor left");
    const [one, other] = await UnixConnection.pair({ codec: "text" });
    await one.sender.sendDescriptor(0);
    await one.sender.send("behind");
    const limit = getrlimit(RLIMIT_NOFILE);
    const lowest = open("/dev/null", 0);
    close(lowest);
    setrlimit(RLIMIT_NOFILE, { ...limit, soft: lowest });
    try {
      await failsWith("IPC_LIMIT", other.receiver.receiveDescriptor(), /may open no more/);
    } finally {
      setrlimit(RLIMIT_NOFILE, limit);
    }
    assert.is(await other.receiver.receive(), "behind");
    await one.close();
    await other.close();
  }),
);

test(
  "clients in other processes, one of them killed",
  deadline(LIMIT, async () => {
    for (const address of newAddresses()) {
      const server = await UnixServer.listen(address, { codec: "text" });
      const peers = [1, 2].map(() => startPeer(currentRuntime(), "test/support/unix-client.ts", [address, "100"]));
      const served = peers.map(async () => {
        const connection = await server.accept();
        assert.ok(peers.some(({ pid }) => pid === connection.credentials.pid));
        await failsWith("IPC_PEER_GONE", async () => {
          for await (const text of connection.receiver) await connection.sender.send(text);
        });
        assert.is(connection.receiver.peer.alive, false);
        await connection.close();
      });
      await Promise.all(peers.map((peer) => peer.line("done")));
      await Promise.all(peers.map((peer) => peer.kill()));
      await Promise.all(served);
      await server.close();
    }
    assert.equal(readdirSync(folder), []);
  }),
);

test(
  "a C program talks to a server",
  deadline(LIMIT, async () => {
    const name = uniqueName("millrace");
    const server = await UnixServer.listen(`unix:@${name}`, { codec: "text" });
    const peer = startNative("echo", name);
    const connection = await server.accept();
    assert.is(connection.credentials.pid, peer.pid);
    for (const text of ["", "hello", "x".repeat(300_000)]) {
      await connection.sender.send(text);
      assert.is(await connection.receiver.receive(), text);
    }
    await connection.sender.close();
    assert.is(await connection.receiver.receive(), undefined);
    await connection.receiver.close();
    await peer.end();
    await server.close();
  }),
);

test(
  "an address has one server, and what a dead one left is replaced",
  deadline(LIMIT, async () => {
    for (const address of newAddresses()) {
      const server = await UnixServer.listen(address, { mode: 0o600 });
      await failsWith("IPC_BUSY", UnixServer.listen(address), /Cannot listen at unix:/);
      await failsWith("IPC_BUSY", Channel.receiver(address));
      await server.close();
      await failsWith("IPC_NOT_FOUND", UnixConnection.connect(address));
    }
    const path = join(folder, uniqueName());
    const stale = socket(SOCK_STREAM);
    bind(stale, path);
    close(stale);
    const server = await UnixServer.listen(`unix:${path}`);
    assert.is(lstatSync(path).mode & 0o777, 0o600);
    server[Symbol.dispose]();
    assert.not.ok(existsSync(path));
  }),
);

test(
  "a user who is not this one is turned away",
  deadline(LIMIT, async () => {
    if (!isRoot()) return skip("needs root");
    const name = uniqueName("millrace");
    const server = await UnixServer.listen(`unix:@${name}`);
    const stranger = asNobody(() => {
      const fd = socket(SOCK_STREAM);
      connect(fd, `\0${name}`);
      return fd;
    });
    assert.is(server.tryAccept(), undefined);
    assert.is(recv(stranger, new Uint8Array(1)), 0);
    close(stranger);
    await server.close();
    const guests = await UnixServer.listen(`unix:@${name}`, { otherUsers: true });
    const guest = asNobody(() => {
      const fd = socket(SOCK_STREAM);
      connect(fd, `\0${name}`);
      return fd;
    });
    const connection = await guests.accept();
    assert.is(connection.credentials.uid, 65_534);
    close(guest);
    await connection.close();
    await guests.close();
  }),
);

test("misuse is refused before anything is made", async () => {
  await failsWith("RangeError", UnixServer.listen("ring:a"), /"ring:a" is no unix socket: write "unix:\/PATH"/);
  await failsWith("RangeError", UnixConnection.connect("fifo:/tmp/a"), /is no unix socket/);
  await failsWith("RangeError", () => UnixConnection.connectSync("fifo:/tmp/a"), /is no unix socket/);
  await failsWith("RangeError", () => UnixConnection.connectSync("unix:@a", { timeout: -1 }), /timeout is -1/);
  await failsWith("RangeError", UnixServer.listen("unix:@a", { backlog: 0 }), /backlog is 0, but must be/);
  await failsWith(
    "TypeError",
    UnixServer.listen("unix:@a", { backlog: "1" as unknown as number }),
    /backlog is 1, but/,
  );
  await failsWith("TypeError", UnixServer.listen("unix:@a", { type: 1 } as object), /no use for the option "type"/);
  await failsWith("TypeError", UnixConnection.pair({ framing: "xml" as "raw" }), /framing is "xml"/);
  await failsWith("RangeError", UnixConnection.connect("unix:@a", { timeout: -1 }), /timeout is -1/);
  await failsWith("IPC_ABORTED", UnixConnection.connect("unix:@a", { signal: AbortSignal.abort() }));
});

leakCheck(test, async () => {
  const { server, client, connection } = await openAll();
  const waits = [server.accept(), connection.receiver.receive()].map((wait) => wait.catch(() => {}));
  assert.ok(await isPending(waits[0] as Promise<unknown>));
  await server.close();
  await client.close();
  await Promise.all(waits);
  await connection.close();
  await startThreads();
});
test.run();
