import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { lazyBind } from "../../src/ffi/bind.ts";
import {
  accept4,
  bind,
  close,
  connect,
  FD_CLOEXEC,
  fstat,
  getDescriptorFlags,
  getgid,
  getpeername,
  getpid,
  getStatusFlags,
  getsockname,
  getsockopt,
  getsockoptPeercred,
  getuid,
  listen,
  MSG_DONTWAIT,
  MSG_PEEK,
  memfdCreate,
  O_NONBLOCK,
  pipe2,
  read,
  recv,
  recvmsg,
  SHUT_RD,
  SHUT_WR,
  SIGPIPE,
  SO_PEERCRED,
  SO_RCVBUF,
  SO_SNDBUF,
  SO_TYPE,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOCK_SEQPACKET,
  SOCK_STREAM,
  send,
  sendmsg,
  setsockopt,
  shutdown,
  sigaction,
  socket,
  socketpair,
  WOULD_BLOCK,
} from "../../src/ffi/mod.ts";
import { scratch } from "../../src/ffi/scratch.ts";
import { asNobody, isRoot } from "../support/as-nobody.ts";
import { deadline } from "../support/deadline.ts";
import { leakCheck } from "../support/leak-check.ts";
import { nativePeer } from "../support/native-peer.ts";
import { skip } from "../support/skip.ts";
import { throwsSystemError } from "../support/throws-system-error.ts";
import { uniqueName } from "../support/unique-name.ts";

const calls = lazyBind({ socket: { parameters: ["i32", "i32", "i32"], result: "i32" } });
const startPeer = nativePeer("socket-peer");
const room = new Uint8Array(new ArrayBuffer(100));

function text(length: number): string {
  return new TextDecoder().decode(room.subarray(0, length));
}

/** A socket that listens at an address. */
function listening(address: string, type = SOCK_STREAM, backlog = 5): number {
  const fd = socket(type);
  bind(fd, address);
  listen(fd, backlog);
  return fd;
}

function withPair(run: (one: number, two: number) => void, type = SOCK_STREAM): () => void {
  return () => {
    const [one, two] = socketpair(type | SOCK_NONBLOCK);
    // as an earlier call may have left it
    new Uint8Array(scratch.buffer).fill(255);
    try {
      run(one, two);
    } finally {
      close(one);
      close(two);
    }
  };
}

for (const [kind, makeAddress] of [
  ["a path", () => join(tmpdir(), uniqueName("sock-ü"))],
  ["an abstract name", () => `\0${uniqueName("sock-ü")}`],
  ["an abstract name with NULs", () => `\0\0${uniqueName("sock")}\0`],
] as const) {
  test(`two sockets meet at ${kind}`, () => {
    const address = makeAddress();
    const server = listening(address);
    assert.is(getDescriptorFlags(server), FD_CLOEXEC);
    assert.is(getsockname(server), address);
    const table = readFileSync("/proc/net/unix", "utf8");
    assert.ok(table.includes(address.replaceAll("\0", "@")), "the kernel shows it");
    const client = socket(SOCK_STREAM);
    assert.is(connect(client, address), 0);
    const accepted = accept4(server);
    assert.is(getDescriptorFlags(accepted), FD_CLOEXEC);
    assert.is(getpeername(client), address);
    assert.is(getpeername(accepted), "", "the client has no address");
    assert.equal(getsockoptPeercred(accepted), { pid: getpid(), uid: getuid(), gid: getgid() });
    assert.is(send(client, new Uint8Array([1, 2, 3])), 3);
    assert.is(recv(accepted, room), 3);
    throwsSystemError(() => connect(client, address), "EISCONN", "connect", address);
    for (const fd of [client, accepted]) close(fd);
    const other = socket(SOCK_STREAM);
    throwsSystemError(() => bind(other, address), "EADDRINUSE", "bind", address);
    close(server);
    throwsSystemError(() => connect(other, address), "ECONNREFUSED", "connect", address);
    close(other);
    if (!address.startsWith("\0")) rmSync(address);
  });
}

test("the kernel chooses an abstract name", () => {
  const fd = socket(SOCK_STREAM);
  assert.is(getsockname(fd), "");
  bind(fd, "");
  assert.match(getsockname(fd), /^\0[0-9a-f]{5}$/);
  close(fd);
});

test("the longest addresses, and one more", () => {
  const name = `\0${uniqueName("sock")}`.padEnd(108, "x");
  const fd = socket(SOCK_STREAM);
  bind(fd, name);
  assert.is(getsockname(fd), name);
  close(fd);
  for (const long of [`${name}x`, `/${"x".repeat(107)}`]) {
    assert.throws(() => bind(0, long), /takes 109 bytes, but a unix socket's has room for 108/);
    assert.throws(() => connect(0, long), /takes 109 bytes/);
  }
  assert.throws(() => bind(0, "/a\0b"), /NUL character, which no path can/);
  assert.throws(() => bind(0, 5 as never), /address is 5/);
});

test("without a connection, and with too many, it would block", () => {
  const address = `\0${uniqueName("sock")}`;
  const server = listening(address, SOCK_STREAM | SOCK_NONBLOCK, 0);
  assert.is(accept4(server), WOULD_BLOCK);
  const clients = [];
  let result = 0;
  while (result === 0) {
    const client = socket(SOCK_STREAM | SOCK_NONBLOCK);
    clients.push(client);
    result = connect(client, address);
  }
  assert.is(result, WOULD_BLOCK);
  const accepted = accept4(server, SOCK_NONBLOCK);
  assert.is(getStatusFlags(accepted) & O_NONBLOCK, O_NONBLOCK);
  assert.is(recv(accepted, room), WOULD_BLOCK);
  for (const fd of [...clients, accepted, server]) close(fd);
});

test(
  "a stream ends when the other end says so",
  withPair((one, two) => {
    assert.equal([getDescriptorFlags(one), getDescriptorFlags(two)], [FD_CLOEXEC, FD_CLOEXEC]);
    assert.is(recv(two, room), WOULD_BLOCK);
    assert.is(recv(two, room, MSG_DONTWAIT), WOULD_BLOCK);
    send(one, new Uint8Array([1]));
    shutdown(one, SHUT_WR);
    assert.is(recv(two, room, MSG_PEEK), 1);
    assert.is(recv(two, room), 1);
    assert.is(recv(two, room), 0);
    // its default would end the process
    sigaction(SIGPIPE, "default");
    throwsSystemError(() => send(one, room), "EPIPE", "send");
    throwsSystemError(() => sendmsg(one, room), "EPIPE", "sendmsg");
    sigaction(SIGPIPE, "ignore");
    assert.is(send(two, new Uint8Array(2)), 2, "the other direction goes on");
    shutdown(one, SHUT_RD);
    throwsSystemError(() => send(two, room), "EPIPE", "send");
    throwsSystemError(() => shutdown(one, 9), "EINVAL", "shutdown");
  }),
);

test("who closes with bytes unread resets the connection", () => {
  const [one, two] = socketpair(SOCK_STREAM);
  send(one, room);
  close(two);
  throwsSystemError(() => recv(one, room), "ECONNRESET", "recv");
  close(one);
});

test(
  "options that are numbers",
  withPair((one) => {
    assert.is(getsockopt(one, SO_TYPE), SOCK_STREAM);
    setsockopt(one, SO_SNDBUF, 10_000);
    assert.is(getsockopt(one, SO_SNDBUF), 20_000, "the kernel doubles it");
    assert.ok(getsockopt(one, SO_RCVBUF) > 0);
    throwsSystemError(() => getsockopt(one, 9999), "ENOPROTOOPT", "getsockopt");
    throwsSystemError(() => setsockopt(one, SO_PEERCRED, 1), "ENOPROTOOPT", "setsockopt");
    assert.equal(getsockoptPeercred(one), { pid: getpid(), uid: getuid(), gid: getgid() });
  }),
);

test(
  "messages keep their bounds, and the longest is cut off with notice",
  withPair((one, two) => {
    assert.is(send(one, new Uint8Array(3)), 3);
    assert.is(sendmsg(one, new Uint8Array(0)), 0);
    assert.is(sendmsg(one, new Uint8Array([7, 8, 9])), 3);
    assert.equal(recvmsg(two, room), {
      length: 3,
      descriptors: [],
      address: "",
      truncated: false,
      descriptorsTruncated: false,
    });
    assert.is(recv(two, room), 0, "an empty message");
    const cut = recvmsg(two, room.subarray(0, 2));
    assert.equal(cut, { length: 2, descriptors: [], address: "", truncated: true, descriptorsTruncated: false });
    assert.equal([room[0], room[1]], [7, 8]);
    assert.is(recvmsg(two, room), WOULD_BLOCK);
    assert.is(recvmsg(two, room, { flags: MSG_DONTWAIT }), WOULD_BLOCK);
    const large = new Uint8Array(10_000_000);
    throwsSystemError(() => send(one, large), "EMSGSIZE", "send");
    throwsSystemError(() => sendmsg(one, large), "EMSGSIZE", "sendmsg");
    let result = 0;
    while (result >= 0) result = sendmsg(one, room);
    assert.is(result, WOULD_BLOCK);
    assert.is(send(one, room), WOULD_BLOCK);
  }, SOCK_SEQPACKET),
);

test(
  "descriptors go along, as new ones that are closed in children",
  withPair((one, two) => {
    const files = [1, 2, 3].map((number) => memfdCreate(`passed ${number}`));
    assert.is(sendmsg(one, new Uint8Array([5]), { descriptors: files }), 1);
    const message = recvmsg(two, room, { maxDescriptors: 10 });
    if (message === WOULD_BLOCK) throw new Error("no message");
    assert.equal([message.length, message.descriptors.length, message.descriptorsTruncated], [1, 3, false]);
    for (const [index, received] of message.descriptors.entries()) {
      assert.is.not(received, files[index]);
      assert.is(fstat(received).ino, fstat(files[index] as number).ino);
      assert.is(getDescriptorFlags(received), FD_CLOEXEC);
      close(received);
    }
    for (const [maxDescriptors, flags] of [
      [0, 0],
      [0, MSG_DONTWAIT],
    ] as const) {
      sendmsg(one, new Uint8Array([6]), { descriptors: files });
      const without = recvmsg(two, room, { maxDescriptors, flags });
      if (without === WOULD_BLOCK) throw new Error("no message");
      assert.equal([without.length, without.descriptors, without.descriptorsTruncated], [1, [], true]);
    }
    sendmsg(one, new Uint8Array([6]), { descriptors: files });
    const some = recvmsg(two, room, { maxDescriptors: 1 });
    if (some === WOULD_BLOCK) throw new Error("no message");
    // one and its padding, so there may be room for two
    assert.ok(some.descriptors.length === 1 || some.descriptors.length === 2);
    assert.is(some.descriptorsTruncated, true);
    for (const fd of some.descriptors) close(fd);
    throwsSystemError(() => sendmsg(one, room, { descriptors: [-1] }), "EBADF", "sendmsg");
    const most = Array.from({ length: 254 }, () => files[0] as number);
    throwsSystemError(() => sendmsg(one, room, { descriptors: most }), "EINVAL", "sendmsg");
    sendmsg(one, new Uint8Array([7]), { descriptors: most.slice(1) });
    const many = recvmsg(two, room, { maxDescriptors: 253 });
    if (many === WOULD_BLOCK) throw new Error("no message");
    assert.is(many.descriptors.length, 253);
    for (const fd of [...many.descriptors, ...files]) close(fd);
  }),
);

test(
  "C gets a descriptor from us, and we get two from C",
  deadline(30_000, async () => {
    const name = uniqueName("sock");
    const server = listening(`\0${name}`);
    const peer = startPeer(name);
    const connection = accept4(server);
    assert.is(getsockoptPeercred(connection).pid, peer.pid);
    const [readEnd, writeEnd] = pipe2();
    sendmsg(connection, new TextEncoder().encode("to C"), { descriptors: [writeEnd] });
    assert.is(text(read(readEnd, room)), "to C");
    const message = recvmsg(connection, room, { maxDescriptors: 2 });
    if (message === WOULD_BLOCK) throw new Error("no message");
    assert.is(text(message.length), "from C");
    assert.equal(
      message.descriptors.map((fd) => text(read(fd, room))),
      ["first", "second"],
    );
    for (const fd of [...message.descriptors, readEnd, writeEnd, connection, server]) close(fd);
    await peer.end();
  }),
);

test("datagrams go to an address, and come with one", () => {
  const one = socket(SOCK_DGRAM);
  const two = socket(SOCK_DGRAM | SOCK_NONBLOCK);
  const path = join(tmpdir(), uniqueName("sock"));
  const name = `\0${uniqueName("sock")}`;
  bind(one, path);
  bind(two, name);
  assert.is(sendmsg(one, new Uint8Array([1, 2]), { address: name }), 2);
  const message = recvmsg(two, room);
  if (message === WOULD_BLOCK) throw new Error("no message");
  assert.equal([message.length, message.address], [2, path]);
  assert.is(sendmsg(two, new Uint8Array([3]), { address: path }), 1);
  assert.is((recvmsg(one, room) as { address: string }).address, name);
  const nobody = `\0${uniqueName("sock")}`;
  throwsSystemError(() => sendmsg(one, room, { address: nobody }), "ECONNREFUSED", "sendmsg", nobody);
  throwsSystemError(() => sendmsg(one, room, { address: "/nowhere/at/all" }), "ENOENT", "sendmsg", "/nowhere/at/all");
  throwsSystemError(() => sendmsg(one, room), "ENOTCONN", "sendmsg");
  throwsSystemError(() => send(one, room), "ENOTCONN", "send");
  throwsSystemError(() => listen(one, 1), "ENOTSUP", "listen");
  throwsSystemError(() => accept4(one), "ENOTSUP", "accept4");
  const other = join(tmpdir(), uniqueName("sock"));
  const stream = listening(other);
  throwsSystemError(() => connect(one, other), "EPROTOTYPE", "connect", other);
  for (const fd of [one, two, stream]) close(fd);
  rmSync(path);
  rmSync(other);
});

test("what the system refuses", () => {
  const fd = socket(SOCK_STREAM);
  const file = memfdCreate("no socket");
  const name = `\0${uniqueName("sock")}`;
  throwsSystemError(() => socket(77), "EINVAL", "socket");
  throwsSystemError(() => socketpair(77), "EINVAL", "socketpair");
  throwsSystemError(() => listen(fd, 1), "EINVAL", "listen");
  throwsSystemError(() => accept4(fd), "EINVAL", "accept4");
  throwsSystemError(() => accept4(fd, 1), "EINVAL", "accept4");
  throwsSystemError(() => getpeername(fd), "ENOTCONN", "getpeername");
  throwsSystemError(() => recv(fd, room), "EINVAL", "recv");
  throwsSystemError(() => recvmsg(fd, room), "EINVAL", "recvmsg");
  throwsSystemError(() => connect(fd, ""), "EINVAL", "connect", "");
  throwsSystemError(() => connect(fd, "/nowhere/at/all"), "ENOENT", "connect", "/nowhere/at/all");
  throwsSystemError(() => bind(fd, "/nowhere/at/all"), "ENOENT", "bind", "/nowhere/at/all");
  throwsSystemError(() => bind(fd, "/etc/passwd/x"), "ENOTDIR", "bind", "/etc/passwd/x");
  bind(fd, name);
  throwsSystemError(() => bind(fd, name), "EINVAL", "bind", name);
  for (const [bad, code] of [
    [-1, "EBADF"],
    [file, "ENOTSOCK"],
  ] as const) {
    throwsSystemError(() => bind(bad, name), code, "bind", name);
    throwsSystemError(() => connect(bad, name), code, "connect", name);
    throwsSystemError(() => listen(bad, 1), code, "listen");
    throwsSystemError(() => accept4(bad), code, "accept4");
    throwsSystemError(() => shutdown(bad, SHUT_RD), code, "shutdown");
    throwsSystemError(() => getsockname(bad), code, "getsockname");
    throwsSystemError(() => getpeername(bad), code, "getpeername");
    throwsSystemError(() => getsockopt(bad, SO_TYPE), code, "getsockopt");
    throwsSystemError(() => getsockoptPeercred(bad), code, "getsockopt");
    throwsSystemError(() => setsockopt(bad, SO_SNDBUF, 1), code, "setsockopt");
    throwsSystemError(() => send(bad, room), code, "send");
    throwsSystemError(() => recv(bad, room), code, "recv");
    throwsSystemError(() => sendmsg(bad, room), code, "sendmsg");
    throwsSystemError(() => recvmsg(bad, room), code, "recvmsg");
  }
  close(file);
  close(fd);
});

test("another user's socket file", () => {
  if (!isRoot()) return skip("needs root, to become another user");
  const path = join("/dev/shm", uniqueName("sock"));
  const server = listening(path);
  const client = socket(SOCK_STREAM);
  // a socket file is made with 0777 less the umask, so another user may not write to it
  throwsSystemError(() => asNobody(() => connect(client, path)), "EACCES", "connect", path);
  rmSync(path);
  assert.not(existsSync(path));
  close(client);
  close(server);
});

test("what an end that is gone says to the other one", () => {
  for (const [type, code] of [
    [SOCK_SEQPACKET, "ECONNRESET"],
    [SOCK_DGRAM, "ECONNREFUSED"],
  ] as const) {
    for (const [call, name] of [
      [(fd: number) => send(fd, room), "send"],
      [(fd: number) => sendmsg(fd, room), "sendmsg"],
    ] as const) {
      const [one, two] = socketpair(type);
      send(one, room);
      close(two);
      throwsSystemError(() => call(one), code, name);
      close(one);
    }
  }
  const [one, two] = socketpair(SOCK_STREAM);
  send(one, room);
  close(two);
  throwsSystemError(() => recvmsg(one, room), "ECONNRESET", "recvmsg");
  close(one);
});

test("types and addresses that do not fit", () => {
  // SOCK_RDM
  throwsSystemError(() => socket(4), "ESOCKTNOSUPPORT", "socket");
  throwsSystemError(() => socketpair(4), "ESOCKTNOSUPPORT", "socketpair");
  const packets = socket(SOCK_SEQPACKET);
  throwsSystemError(() => recv(packets, room), "ENOTCONN", "recv");
  throwsSystemError(() => recvmsg(packets, room), "ENOTCONN", "recvmsg");
  // SO_BUSY_POLL
  throwsSystemError(() => setsockopt(packets, 46, -1), "EINVAL", "setsockopt");
  close(packets);
  const address = `\0${uniqueName("sock")}`;
  const [one, two] = socketpair(SOCK_STREAM);
  throwsSystemError(() => sendmsg(one, room, { address }), "EISCONN", "sendmsg", address);
  const stream = listening(address);
  throwsSystemError(() => sendmsg(stream, room, { address }), "ENOTSUP", "sendmsg", address);
  const datagrams = socket(SOCK_DGRAM);
  const path = join(tmpdir(), uniqueName("sock"));
  const other = listening(path);
  throwsSystemError(() => sendmsg(datagrams, room, { address: path }), "EPROTOTYPE", "sendmsg", path);
  rmSync(path);
  for (const fd of [one, two, stream, other, datagrams]) close(fd);
  // AF_INET
  const internet = calls().socket(2, SOCK_STREAM, 0);
  throwsSystemError(() => shutdown(internet, SHUT_RD), "ENOTCONN", "shutdown");
  close(internet);
});

test("paths that lead nowhere", () => {
  const folder = mkdtempSync(join(tmpdir(), "sock-"));
  const fd = socket(SOCK_STREAM);
  const circle = join(folder, "circle");
  symlinkSync(circle, circle);
  const long = join(folder, "long");
  symlinkSync("x".repeat(256), long);
  for (const [path, code] of [
    [join(circle, "x"), "ELOOP"],
    [join(long, "x"), "ENAMETOOLONG"],
    ["/etc/passwd/x", "ENOTDIR"],
  ] as const) {
    throwsSystemError(() => bind(fd, path), code, "bind", path);
    throwsSystemError(() => connect(fd, path), code, "connect", path);
  }
  close(fd);
  rmSync(folder, { recursive: true });
});

test("what takes privilege", () => {
  if (!isRoot()) return skip("needs root, to become another user and to be let into /sys");
  const fd = socket(SOCK_DGRAM);
  throwsSystemError(() => asNobody(() => bind(fd, "/etc/sock")), "EACCES", "bind", "/etc/sock");
  throwsSystemError(() => bind(fd, "/sys/kernel/sock"), "EPERM", "bind", "/sys/kernel/sock");
  // SO_RCVBUFFORCE
  throwsSystemError(() => asNobody(() => setsockopt(fd, 33, 100_000)), "EPERM", "setsockopt");
  const path = join("/dev/shm", uniqueName("sock"));
  const server = socket(SOCK_DGRAM);
  bind(server, path);
  throwsSystemError(() => asNobody(() => sendmsg(fd, room, { address: path })), "EACCES", "sendmsg", path);
  rmSync(path);
  close(server);
  close(fd);
});

test("misuse is refused before the call", () => {
  assert.throws(() => socket(0.5), /type is 0.5/);
  assert.throws(() => send(0, {} as never), /view is a Object/);
  assert.throws(() => sendmsg(0, room, { descriptors: [0.5] }), /a descriptor is 0.5/);
  assert.throws(() => sendmsg(0, room, { descriptors: new Array(1000).fill(0) }), /1000 descriptors were given/);
  assert.throws(() => recvmsg(0, room, { maxDescriptors: -1 }), /maxDescriptors is -1/);
  assert.throws(() => recvmsg(0, room, { maxDescriptors: 10_000 }), /maxDescriptors is 10000/);
});

leakCheck(test);
test.run();
