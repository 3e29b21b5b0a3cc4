import { spawn } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:os";
import { Worker } from "node:worker_threads";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { SIGACTION } from "../../src/ffi/abi/current.ts";
import { lazyBind } from "../../src/ffi/bind.ts";
import {
  getpid,
  gettid,
  mqClose,
  mqNotify,
  mqOpen,
  mqSend,
  mqUnlink,
  O_CREAT,
  O_EXCL,
  O_RDWR,
  posixSpawnp,
  SI_MESGQ,
  SI_QUEUE,
  SI_USER,
  SIGKILL,
  SIGSEGV,
  SIGTERM,
  SIGUSR1,
  SIGUSR2,
  sigaction,
  sigrtmax,
  sigrtmin,
  tgkill,
  waitpid,
} from "../../src/ffi/mod.ts";
import { interruptSignal } from "../../src/ffi/off-thread/interrupt.ts";
import * as signals from "../../src/process/signals/mod.ts";
import { asNobody, isRoot } from "../support/as-nobody.ts";
import { deadline } from "../support/deadline.ts";
import { isPending, turnEventLoop } from "../support/event-loop.ts";
import { failsWith } from "../support/fails-with.ts";
import { whileInterrupted } from "../support/interrupted.ts";
import { leakCheck } from "../support/leak-check.ts";
import { nativePeer } from "../support/native-peer.ts";
import { startPeer } from "../support/peer-process.ts";
import { currentRuntime } from "../support/runtimes.ts";
import { skip } from "../support/skip.ts";
import { uniqueName } from "../support/unique-name.ts";

const startNative = nativePeer("signal-peer");

/** A process id that no process has. */
const NOBODY = 2 ** 22 + 1;
const { pid } = process;

test("send: what the system refuses, and misuse", async () => {
  await failsWith("IPC_NOT_FOUND", () => signals.send(NOBODY, "SIGUSR1"), /Cannot send SIGUSR1 to process 4194305/);
  await failsWith("IPC_NOT_FOUND", () => signals.send(NOBODY, "SIGUSR1", { value: 1 }));
  await failsWith("IPC_NOT_FOUND", () => signals.send(-NOBODY, "SIGUSR1"), /to process group 4194305/);
  await failsWith("RangeError", () => signals.send(0, "SIGUSR1"), /process id is 0/);
  await failsWith("RangeError", () => signals.send(-1, "SIGUSR1"), /process id is -1/);
  await failsWith("RangeError", () => signals.send(pid, "SIGNONE"), /The signal is "SIGNONE"/);
  for (const wrong of [0, 65, 32, 33, 1.5, -1]) await failsWith("RangeError", () => signals.send(pid, wrong));
  for (const wrong of ["SIGRTMIN+40", "SIGRTMAX-40", "SIG_DFL"] as const)
    await failsWith("RangeError", () => signals.send(pid, wrong));
  await failsWith("TypeError", () => signals.send(pid, null as unknown as number));
  await failsWith("RangeError", () => signals.send(pid, "SIGUSR1", { value: 2 ** 31 }));
  await failsWith("TypeError", () => signals.send(-pid, "SIGUSR1", { value: 1 }), /to a group/);
  await failsWith("TypeError", () => signals.send(-pid, "SIGUSR1", { ordered: true }), /no main thread/);
});

test("another user's process is refused, but exists", async () => {
  if (!isRoot()) return skip("needs root");
  for (const options of [{}, { value: 1 }, { ordered: true }]) {
    const error = asNobody(() => {
      try {
        return signals.send(1, "SIGUSR1", options);
      } catch (error) {
        return error;
      }
    });
    await failsWith("IPC_PERMISSION", () => Promise.reject(error));
  }
  assert.ok(asNobody(() => signals.exists(1)));
});

test("exists", async () => {
  assert.ok(signals.exists(pid));
  assert.not(signals.exists(NOBODY));
  await failsWith("RangeError", () => signals.exists(0));
});

test("what cannot be received is refused", async () => {
  for (const name of ["SIGKILL", "SIGSTOP", "SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL"] as const)
    await failsWith("RangeError", () => signals.receive(["SIGUSR1", name]), /cannot be received/);
  await failsWith("RangeError", () => signals.receive([interruptSignal()]), /this library interrupts/);
  await failsWith("RangeError", () => signals.receive([]), /empty/);
  await failsWith("TypeError", () => signals.receive("SIGUSR1" as unknown as ["SIGUSR1"]));
  await failsWith("TypeError", () => signals.handle("SIGUSR1", undefined as unknown as () => void));
});

test(
  "a signal comes with its sender and number, to each way of taking it",
  deadline(30_000, async () => {
    using receiver = signals.receive(["SIGUSR1", "SIGRTMIN+2"]);
    assert.equal(receiver.signals, ["SIGUSR1", "SIGRTMIN+2"]);
    assert.is(receiver.tryNext(), undefined);
    const uid = process.getuid?.() ?? 0;
    signals.send(pid, "SIGUSR1", { value: -7 });
    const queued = { signal: "SIGUSR1", number: SIGUSR1, pid, uid, value: -7, code: SI_QUEUE };
    assert.equal(receiver.nextSync({ timeout: 10_000 }), queued);
    signals.send(pid, "SIGUSR1");
    assert.equal(await receiver.next(), { ...queued, value: 0, code: SI_USER });
    const come = receiver.next({ timeout: 10_000 });
    signals.send(pid, "SIGRTMIN+2", { value: 2 ** 31 - 1, ordered: true });
    assert.equal(await come, { ...queued, signal: "SIGRTMIN+2", number: sigrtmin() + 2, value: 2 ** 31 - 1 });
    tgkill(getpid(), gettid(), SIGUSR1);
    assert.is(receiver.tryNext()?.signal, "SIGUSR1", "it came to this thread at once");
  }),
);

test(
  "waits end by time-out, abort and close, and take nothing",
  deadline(30_000, async () => {
    const receiver = signals.receive(["SIGUSR1"]);
    await failsWith("IPC_TIMEOUT", receiver.next({ timeout: 5 }), /next\(\) of SIGUSR1/);
    await failsWith("IPC_TIMEOUT", receiver.next({ timeout: 0 }));
    await failsWith("IPC_TIMEOUT", () => receiver.nextSync({ timeout: 5 }));
    const stop = new AbortController();
    const aborted = receiver.next({ signal: stop.signal });
    const other = receiver.next();
    stop.abort();
    await failsWith("IPC_ABORTED", aborted);
    await failsWith("IPC_ABORTED", receiver.next({ signal: stop.signal }));
    assert.ok(await isPending(other));
    signals.send(pid, "SIGUSR1", { value: 3 });
    assert.is((await other).value, 3);
    const closed = receiver.next();
    receiver.close();
    receiver.close();
    await failsWith("IPC_CLOSED", closed);
    await failsWith("IPC_CLOSED", receiver.next());
    await failsWith("IPC_CLOSED", () => receiver.tryNext());
    assert.ok(receiver.closed);
  }),
);

test(
  "iteration gives one after the other and ends when the receiver is closed",
  deadline(30_000, async () => {
    const receiver = signals.receive(["SIGRTMIN+2"]);
    for (const value of [1, 2, 3]) signals.send(pid, "SIGRTMIN+2", { value, ordered: true });
    const values: number[] = [];
    for await (const info of receiver) {
      values.push(info.value);
      if (values.length === 3) receiver.close();
    }
    assert.equal(values, [1, 2, 3]);
  }),
);

test(
  "every receiver of a signal gets it, also while only one is read",
  deadline(30_000, async () => {
    using first = signals.receive(["SIGUSR1"]);
    using second = signals.receive(["SIGUSR1", "SIGUSR2"]);
    const come = second.next();
    signals.send(pid, "SIGUSR1", { value: 1 });
    assert.is(first.nextSync().value, 1);
    assert.is((await come).value, 1);
    signals.send(pid, "SIGUSR2", { value: 2 });
    assert.is((await second.next()).value, 2);
    assert.is(first.tryNext(), undefined);
    first.close();
    signals.send(pid, "SIGUSR1", { value: 4 });
    assert.is((await second.next()).value, 4);
  }),
);

for (const order of ["before", "after"] as const) {
  test(
    `process.on, installed ${order} the receiver, gets the signal too, and its going changes nothing`,
    deadline(30_000, async () => {
      for (const name of ["SIGUSR2", "SIGWINCH"] as const) {
        // the runtime may still have to tell its listeners of an earlier signal
        await turnEventLoop();
        let heard = () => {};
        let count = 0;
        const listener = () => {
          count++;
          heard();
        };
        const hears = () => new Promise<void>((resolve) => (heard = resolve));
        if (order === "before") process.on(name, listener);
        const receiver = signals.receive([name]);
        if (order === "after") process.on(name, listener);
        const both = Promise.all([receiver.next(), hears()]);
        signals.send(pid, name, { value: 5 });
        assert.is((await both)[0].value, 5);
        assert.ok(count > 0);
        process.off(name, listener);
        signals.send(pid, name, { value: 6 });
        assert.is((await receiver.next()).value, 6, "without the listener");
        process.on(name, listener);
        const again = Promise.all([receiver.next(), hears()]);
        signals.send(pid, name, { value: 7 });
        assert.is((await again)[0].value, 7, "with the listener again");
        receiver.close();
        assert.is(sigaction(constants.signals[name]), "handler", "the runtime's own is back");
        process.off(name, listener);
      }
    }),
  );
}

test("after the last receiver a signal does what it did before", () => {
  assert.is(sigaction(sigrtmin() + 2), "default");
  const receiver = signals.receive(["SIGRTMIN+2"]);
  const other = signals.receive(["SIGRTMIN+2"]);
  receiver.close();
  assert.is(sigaction(sigrtmin() + 2), "handler");
  other.close();
  assert.is(sigaction(sigrtmin() + 2), "default");
});

test(
  "a handler is called in the event loop until it is closed",
  deadline(30_000, async () => {
    const seen: number[] = [];
    const handling = signals.handle(["SIGUSR2", "SIGRTMIN+2"], ({ value }) => seen.push(value));
    signals.send(pid, "SIGUSR2", { value: 1 });
    assert.equal(seen, []);
    while (seen.length < 1) await turnEventLoop(1);
    signals.send(pid, "SIGRTMIN+2", { value: 2 });
    while (seen.length < 2) await turnEventLoop(1);
    assert.equal(seen, [1, 2]);
    handling.close();
    handling.close();
    using receiver = signals.receive(["SIGUSR2"]);
    signals.send(pid, "SIGUSR2");
    await receiver.next();
    assert.equal(seen, [1, 2]);
  }),
);

test(
  "wait and waitSync take one signal",
  deadline(30_000, async () => {
    const come = signals.wait(["SIGUSR1", "SIGUSR2"], { timeout: 10_000 });
    signals.send(pid, "SIGUSR2", { value: 9 });
    assert.is((await come).value, 9);
    await failsWith("IPC_TIMEOUT", signals.wait(["SIGUSR2"], { timeout: 1 }));
    await failsWith("IPC_TIMEOUT", () => signals.waitSync(["SIGUSR2"], { timeout: 1 }));
    await failsWith("TypeError", () => signals.waitSync(["SIGUSR2"], { signal: AbortSignal.abort() } as object));
    // the peer goes on sending when the wait is over
    using _others = signals.receive(["SIGUSR2"]);
    const peer = startNative("interrupt", pid, gettid(), SIGUSR2);
    assert.is(signals.waitSync(["SIGUSR2"]).pid, peer.pid);
    await peer.kill();
  }),
);

test(
  "a handler that interrupts does not end a wait",
  deadline(60_000, async () => {
    using receiver = signals.receive(["SIGUSR1"]);
    await whileInterrupted(() => failsWith("IPC_TIMEOUT", () => receiver.nextSync({ timeout: 50 })));
  }),
);

test(
  "1000 real-time signals that C queues for one thread come in order, with their numbers",
  deadline(60_000, async () => {
    using receiver = signals.receive(["SIGRTMIN+2"]);
    const values = Array.from({ length: 1000 }, (_, index) => index);
    for (const sync of [true, false]) {
      const peer = startNative("queue", pid, pid, sigrtmin() + 2, ...values);
      for (const value of values) {
        const info = sync ? receiver.nextSync() : await receiver.next();
        assert.equal([info.value, info.pid], [value, peer.pid]);
      }
      await peer.end();
    }
    assert.is(receiver.lost, 0);
  }),
);

test(
  "1000 real-time signals that C queues for the process all come, each once",
  deadline(60_000, async () => {
    using receiver = signals.receive(["SIGRTMIN+2"]);
    const peer = startNative("burst", pid, sigrtmin() + 2, 1000);
    const values = new Set<number>();
    for (let count = 0; count < 1000; count++) values.add((await receiver.next()).value);
    assert.is(values.size, 1000);
    assert.is(Math.max(...values), 999);
    await peer.end();
    assert.is(receiver.tryNext(), undefined);
  }),
);

test("the handler of a signal is not interrupted by others: a runtime's stack for signals has no room for several", () => {
  using _receiver = signals.receive(["SIGRTMIN+2"]);
  const calls = lazyBind({ sigaction: { parameters: ["i32", "pointer", "buffer"], result: "i32" } });
  const action = new DataView(new ArrayBuffer(SIGACTION.sizeof));
  assert.is(calls().sigaction(sigrtmin() + 2, 0, action), 0);
  const mask = action.getBigUint64(SIGACTION.sa_mask.offset, true);
  const blocks = (signal: number) => ((mask >> BigInt(signal - 1)) & 1n) === 1n;
  for (const signal of [SIGUSR1, SIGUSR2, SIGTERM, sigrtmin(), sigrtmax()]) assert.ok(blocks(signal), `${signal}`);
  for (const signal of [SIGSEGV, sigrtmin() - 1]) assert.not(blocks(signal), `${signal}`);
});

test(
  "SIGCHLD tells which child",
  deadline(30_000, async () => {
    using receiver = signals.receive(["SIGCHLD"]);
    const child = posixSpawnp("true", ["true"]);
    let { pid: told } = await receiver.next({ timeout: 10_000 });
    while (told !== child) told = (await receiver.next({ timeout: 10_000 })).pid;
    waitpid(child);
  }),
);

test(
  "a handler that is closed is not called for what came at the same time",
  deadline(30_000, async () => {
    using receiver = signals.receive(["SIGRTMIN+2"]);
    const seen: number[] = [];
    const handling = signals.handle("SIGRTMIN+2", ({ value }) => {
      seen.push(value);
      handling.close();
    });
    for (const value of [1, 2]) signals.send(pid, "SIGRTMIN+2", { value, ordered: true });
    while (seen.length === 0) await turnEventLoop(1);
    assert.is((await receiver.next()).value, 1);
    assert.is((await receiver.next()).value, 2);
    await turnEventLoop(1);
    assert.equal(seen, [1]);
  }),
);

test("a new receiver gets nothing that came before it", () => {
  using _other = signals.receive(["SIGRTMIN+3"]);
  const before = signals.receive(["SIGRTMIN+2"]);
  signals.send(pid, "SIGRTMIN+2", { value: 1, ordered: true });
  before.close();
  using receiver = signals.receive(["SIGRTMIN+2"]);
  assert.is(receiver.tryNext(), undefined);
  signals.send(pid, "SIGRTMIN+2", { value: 2, ordered: true });
  assert.is(receiver.tryNext()?.value, 2);
});

test("a call that blocks goes on after a signal that is received", async () => {
  using receiver = signals.receive(["SIGUSR2"]);
  const peer = startNative("interrupt", pid, gettid(), SIGUSR2);
  receiver.nextSync();
  let second: signals.SignalInfo | undefined;
  // none comes meanwhile, should the other process have no processor
  for (let tries = 0; tries < 50 && second === undefined; tries++) {
    const child = posixSpawnp("sleep", ["sleep", "0.1"]);
    assert.equal(waitpid(child), { pid: child, kind: "exited", code: 0 });
    second = receiver.tryNext();
  }
  assert.ok(second);
  await peer.kill();
});

test("what finds no room is counted, for each receiver anew", () => {
  const receiver = signals.receive(["SIGRTMIN+2"]);
  for (let sent = 0; sent < 8192 + 5; sent++) signals.send(pid, "SIGRTMIN+2", { value: sent, ordered: true });
  const { lost } = receiver;
  assert.ok(lost >= 5, `${lost}`);
  for (let value = 0; value < 8192 + 5 - lost; value++) assert.is(receiver.tryNext()?.value, value);
  assert.is(receiver.tryNext(), undefined);
  receiver.close();
  assert.is(receiver.lost, lost);
  using next = signals.receive(["SIGRTMIN+2"]);
  assert.is(next.lost, 0);
});

test(
  "a C program gets signals with their numbers, in order",
  deadline(60_000, async () => {
    const signal = sigrtmin() + 2;
    const peer = startNative("wait", signal, 100);
    assert.is(await peer.line(), "ready");
    for (let value = 0; value < 99; value++) signals.send(peer.pid, signal, { value, ordered: true });
    signals.send(peer.pid, "SIGRTMIN+2", { value: -1 });
    const uid = process.getuid?.() ?? 0;
    for (let value = 0; value < 99; value++)
      assert.is(await peer.line(), `${signal} ${SI_QUEUE} ${pid} ${uid} ${value}`);
    assert.is(await peer.line(), `${signal} ${SI_QUEUE} ${pid} ${uid} -1`);
    await peer.end();
  }),
);

test(
  "a signal to a group reaches all its processes",
  deadline(30_000, async () => {
    const shell = spawn("sh", ["-c", "sleep 1000 & echo started; wait"], {
      detached: true,
      stdio: ["ignore", "pipe", "ignore"],
    });
    await once(shell.stdout as NonNullable<typeof shell.stdout>, "data");
    const group = shell.pid as number;
    assert.ok(signals.exists(-group));
    const closed = once(shell, "close");
    signals.send(-group, SIGKILL);
    // its standard output closes when the sleep has gone, too
    assert.is((await closed)[1], "SIGKILL");
  }),
);

test(
  "a handler does not keep the process alive, a wait does",
  deadline(60_000, async () => {
    const handling = startPeer(currentRuntime(), "test/process/peers/handling.ts", []);
    assert.equal(await handling.exit(), { status: 0, lines: ["installed"] });
    const waiting = startPeer(currentRuntime(), "test/process/peers/waiting.ts", []);
    await waiting.line("waiting");
    signals.send(waiting.pid, "SIGUSR2", { value: 11 });
    assert.equal(await waiting.exit(), { status: 0, lines: ["waiting", "SIGUSR2 11"] });
  }),
);

test(
  "a worker receives signals of the process",
  deadline(60_000, async () => {
    const extension = import.meta.url.endsWith(".js") ? "js" : "ts";
    const worker = new Worker(new URL(`./peers/in-worker.${extension}`, import.meta.url));
    const exited = once(worker, "exit");
    const [waiting] = await once(worker, "message");
    assert.is(waiting, "waiting");
    const said = once(worker, "message");
    signals.send(pid, "SIGRTMIN+6", { value: 66 });
    assert.is((await said)[0], 66);
    await exited;
  }),
);

test(
  "a worker and the main thread receive the same signal, and the worker's going changes nothing",
  deadline(60_000, async () => {
    const receiver = signals.receive(["SIGRTMIN+6"]);
    const extension = import.meta.url.endsWith(".js") ? "js" : "ts";
    const worker = new Worker(new URL(`./peers/in-worker.${extension}`, import.meta.url));
    const exited = once(worker, "exit");
    await once(worker, "message");
    const said = once(worker, "message");
    signals.send(pid, "SIGRTMIN+6", { value: 67 });
    assert.is((await receiver.next()).value, 67);
    assert.is((await said)[0], 67);
    await exited;
    signals.send(pid, "SIGRTMIN+6", { value: 68 });
    assert.is((await receiver.next()).value, 68);
    receiver.close();
    assert.is(sigaction(sigrtmin() + 6), "default");
  }),
);

test(
  "where the system forbids memory that becomes executable, it is said so, and the rest goes on",
  deadline(60_000, async () => {
    const { status, lines } = await startPeer(
      currentRuntime(),
      "test/process/peers/no-executable-memory.ts",
      [],
    ).exit();
    if (lines[0]?.startsWith("skip")) return skip("needs Linux 6.3 for PR_SET_MDWE");
    assert.match(
      lines[0] ?? "",
      /^IPC_UNSUPPORTED: Cannot receive signals: the system forbids executable memory .*mprotect/,
    );
    assert.equal([status, lines[1]], [0, "end"]);
  }),
);

test(
  "the signal of mq_notify comes with its number, and with who sent the message",
  deadline(30_000, async () => {
    const name = `/${uniqueName("notify")}`;
    const queue = mqOpen(name, O_RDWR | O_CREAT | O_EXCL, 0o600, { maxmsg: 1, msgsize: 16 });
    mqUnlink(name);
    using receiver = signals.receive(["SIGRTMIN+4"]);
    mqNotify(queue, { signal: sigrtmin() + 4, value: -5 });
    mqSend(queue, new Uint8Array(1), 0);
    const { value, code, pid: sender, uid } = await receiver.next({ timeout: 20_000 });
    assert.equal([value, code, sender, uid], [-5, SI_MESGQ, pid, process.getuid?.()]);
    mqNotify(queue, { signal: sigrtmin() + 4 });
    mqClose(queue);
    assert.is(receiver.tryNext(), undefined, "one notification, one signal");
  }),
);

test("signals of this thread are blocked, wait, and are unblocked", () => {
  assert.not(signals.mask().includes("SIGRTMIN+3"));
  signals.block(["SIGRTMIN+3"]);
  assert.ok(signals.mask().includes("SIGRTMIN+3"));
  const receiver = signals.receive(["SIGRTMIN+3"]);
  tgkill(getpid(), gettid(), sigrtmin() + 3);
  assert.equal(signals.pending(), ["SIGRTMIN+3"]);
  assert.is(receiver.tryNext(), undefined);
  signals.unblock(["SIGRTMIN+3"]);
  assert.equal(signals.pending(), []);
  assert.is(receiver.tryNext()?.signal, "SIGRTMIN+3");
  receiver.close();
});

leakCheck(test, async () => {
  // the reactor, and what Bun keeps after its first child
  await signals.wait(["SIGUSR2"], { timeout: 1 }).catch(() => {});
  await once(spawn("true"), "close");
});
test.run();
