// timeout: 180s
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readlinkSync, realpathSync } from "node:fs";
import { tmpdir } from "node:os";
import { Worker } from "node:worker_threads";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  getrlimit,
  posixSpawnp,
  RLIMIT_NOFILE,
  SIGKILL,
  SIGPIPE,
  SIGTERM,
  setrlimit,
  WNOHANG,
  waitpid,
} from "../../src/ffi/mod.ts";
import { Child } from "../../src/process/child.ts";
import { popen } from "../../src/process/popen.ts";
import type { Popen } from "../../src/process/popen-handle.ts";
import { block, unblock, wait } from "../../src/process/signals/mod.ts";
import { deadline } from "../support/deadline.ts";
import { isPending } from "../support/event-loop.ts";
import { failsWith } from "../support/fails-with.ts";
import { leakCheck } from "../support/leak-check.ts";
import { throwsSystemError } from "../support/throws-system-error.ts";

const LIMIT = 30_000;

test(
  "the text, the lines, the bytes and the stream of a program's output",
  deadline(LIMIT, async () => {
    const text = popen("printf 'ä\\nb'", "r");
    assert.is(await text.text(), "ä\nb");
    assert.equal(await text.close(), { kind: "exited", code: 0 });

    const lines: string[] = [];
    const liner = popen("printf 'one\\n\\ntwo\\nthree'", "r");
    for await (const line of liner.lines()) lines.push(line);
    assert.equal(lines, ["one", "", "two", "three"]);
    assert.equal(liner.closeSync(), { kind: "exited", code: 0 });

    let count = 0;
    const bytes = popen(["head", "-c", "1000000", "/dev/zero"], "r");
    for await (const chunk of bytes) count += chunk.byteLength;
    assert.is(count, 1_000_000);
    assert.is(await bytes.read(), undefined, "the end stays the end");
    await bytes.close();

    const stream = popen("echo streamed", "r");
    assert.is(await new Response(stream.readable).text(), "streamed\n");
    await stream.close();

    const sync = popen("echo sync", "r");
    assert.is(new TextDecoder().decode(sync.readSync()), "sync\n");
    assert.is(sync.readSync(), undefined);
    sync.closeSync();
  }),
);

test(
  "what is written reaches the program, and the end too",
  deadline(LIMIT, async () => {
    const half = "x".repeat(500_000);
    const counter = popen('test "$(wc -c)" = 1000008', "w");
    const writes = [counter.write(half), counter.write(half), counter.write(new Float64Array(1))];
    await Promise.all(writes);
    assert.equal(await counter.close(), { kind: "exited", code: 0 });

    const order = popen('test "$(cat)" = "abc"', "w");
    order.writeSync("a");
    void order.write("b");
    void order.write("c");
    await order.end();
    assert.equal(await order.close(), { kind: "exited", code: 0 });

    const streamed = popen('test "$(cat)" = "through a stream"', "w");
    const writer = streamed.writable.getWriter();
    await writer.write("through ");
    await writer.write(new TextEncoder().encode("a stream"));
    await writer.close();
    assert.equal(await streamed.close(), { kind: "exited", code: 0 });

    const large = popen("cat > /dev/null", "w");
    large.writeSync(new Uint8Array(300_000));
    assert.equal(large.closeSync(), { kind: "exited", code: 0 });
  }),
);

test(
  "bytes that were read stay as they are, and writes at the same time do not mix",
  deadline(LIMIT, async () => {
    const reader = popen("head -c 100000 /dev/zero | tr '\\0' a; head -c 100000 /dev/zero | tr '\\0' b", "r");
    const chunks: Uint8Array[] = [];
    for await (const chunk of reader) chunks.push(chunk);
    await reader.close();
    const text = chunks.map((chunk) => new TextDecoder().decode(chunk)).join("");
    assert.ok(text === "a".repeat(100_000) + "b".repeat(100_000));

    const writer = popen('test "$(tr -s abc)" = abc', "w");
    const writes = ["a", "b", "c"].map((letter) => writer.write(letter.repeat(300_000)));
    await Promise.all(writes);
    assert.equal(await writer.close(), { kind: "exited", code: 0 });
  }),
);

test(
  "the forms that never wait, while there is nothing, at the end and after it",
  deadline(LIMIT, async () => {
    const echo = popen("read line; echo got $line >&2; read line; exit 4", "w", { stderr: "ignore" });
    assert.is(echo.tryWrite("one\n"), 4);
    assert.is(echo.tryWrite(new Uint8Array(0)), 0);
    const reader = popen("printf now; exec sleep 1000", "r");
    assert.is(new TextDecoder().decode(await reader.read()), "now");
    assert.equal([reader.tryRead(), reader.ended], [undefined, false]);
    assert.ok(reader.kill(SIGKILL));
    assert.is(await reader.read(), undefined);
    assert.equal([reader.tryRead(), reader.ended], [undefined, true]);
    const killed = { kind: "killed", signal: SIGKILL, coreDumped: false };
    assert.equal([await reader.close(), reader.tryClose()], [killed, killed]);
    await failsWith("IPC_CLOSED", () => reader.tryRead(), /tryRead\(\) of/);
    assert.throws(() => reader.tryWrite("x"), /tryWrite\(\) needs a program started with "w"/);

    const full = popen("exec sleep 1000", "w"); // which reads nothing: a page that it took would be room
    const bytes = new Uint8Array(1 << 20);
    const first = full.tryWrite(bytes);
    assert.ok(first > 0 && first < bytes.length);
    assert.is(full.tryWrite("x"), 0);
    const rest = full.write("rest\n");
    assert.throws(() => full.writeSync("x"), /would cut a write\(\) in two/);
    assert.is(full.tryWrite("x"), 0, "behind the other");
    const stopped = full.tryClose();
    assert.is(stopped, undefined, "it goes on");
    await failsWith("IPC_CLOSED", rest);
    await failsWith("IPC_CLOSED", () => full.tryWrite("x"));
    assert.ok(full.kill());
    await full.close();
    assert.is(full.tryClose()?.kind, "killed");
    await echo.close();
    assert.throws(() => echo.tryRead(), /tryRead\(\) needs a program started with "r"/);
  }),
);

test(
  "how a program ends, is told as pclose does",
  deadline(LIMIT, async () => {
    for (const code of [0, 1, 3, 255]) {
      const child = popen(`exit ${code}`, "r");
      assert.is(child.status, undefined);
      assert.equal(await child.close(), { kind: "exited", code });
      assert.equal(await child.close(), { kind: "exited", code }, "again");
      assert.equal(child.closeSync(), { kind: "exited", code });
      assert.equal(child.status, { kind: "exited", code });
      assert.not(child.kill());
    }
    assert.equal(await popen("millrace-has-no-such-command", "r", { stderr: "ignore" }).close(), {
      kind: "exited",
      code: 127,
    });
    const killed = popen(["sleep", "1000"], "r");
    assert.ok(killed.kill(SIGKILL));
    assert.equal(await killed.close(), { kind: "killed", signal: SIGKILL, coreDumped: false });
    const ended = popen("kill -9 $$", "w");
    assert.equal(ended.closeSync(), { kind: "killed", signal: SIGKILL, coreDumped: false });
    const terminated = popen(["sleep", "1000"], "w");
    terminated.kill();
    assert.equal(await terminated.close(), { kind: "killed", signal: SIGTERM, coreDumped: false });
  }),
);

test(
  "a program that writes on after close gets SIGPIPE, which it does not ignore",
  deadline(LIMIT, async () => {
    const child = popen(["cat", "/dev/zero"], "r");
    await child.read();
    assert.equal(await child.close(), { kind: "killed", signal: SIGPIPE, coreDumped: false });
  }),
);

test(
  "writing to a program that reads no more is IPC_CLOSED",
  deadline(LIMIT, async () => {
    const child = popen("exec 0<&-; exec sleep 1000", "w");
    await failsWith(
      "IPC_CLOSED",
      async () => {
        for (;;) await child.write(new Uint8Array(65_536));
      },
      /no longer reads/,
    );
    await failsWith("IPC_CLOSED", () => child.writeSync("x"));
    child.kill(SIGKILL);
    await child.close();
    await failsWith("IPC_CLOSED", child.write("x"), /pipe is closed/);
  }),
);

test(
  "waits end by time-out, abort and close",
  deadline(LIMIT, async () => {
    const child = popen(["sleep", "1000"], "r");
    await failsWith("IPC_TIMEOUT", child.read({ timeout: 5 }), /read\(\) of "sleep"/);
    await failsWith("IPC_TIMEOUT", () => child.readSync({ timeout: 5 }));
    await failsWith("IPC_TIMEOUT", child.text({ timeout: 5 }), /within 5 ms/);
    const stop = new AbortController();
    const aborted = child.read({ signal: stop.signal });
    assert.ok(await isPending(aborted));
    stop.abort();
    await failsWith("IPC_ABORTED", aborted);
    const read = child.read();
    const closed = failsWith("IPC_CLOSED", read);
    await failsWith("IPC_TIMEOUT", child.close({ timeout: 5 }));
    await closed;
    await failsWith("IPC_TIMEOUT", () => child.closeSync({ timeout: 5 }));
    await failsWith("IPC_TIMEOUT", () => child.closeSync({ timeout: 0 }));
    const stopClose = new AbortController();
    const first = failsWith("IPC_ABORTED", child.close({ signal: stopClose.signal }));
    const second = child.close();
    const third = child.close({ timeout: 20_000 });
    stopClose.abort();
    await first;
    assert.ok(await isPending(second));
    child.kill(SIGKILL);
    const killed = { kind: "killed", signal: SIGKILL, coreDumped: false };
    assert.equal([await second, await third], [killed, killed]);
    const full = popen(["sleep", "1000"], "w");
    assert.ok(full.tryWrite(new Uint8Array(1 << 20)) > 0);
    await failsWith("IPC_TIMEOUT", full.write(new Uint8Array(100_000), { timeout: 5 }));
    await failsWith("IPC_TIMEOUT", () => full.writeSync(new Uint8Array(1000), { timeout: 5 }));
    full.kill(SIGKILL);
    await full.close();
  }),
);

test(
  "four programs at once have only the ends that are theirs, and see the end of their input",
  deadline(LIMIT, async () => {
    const children: Popen[] = [];
    for (let count = 0; count < 4; count++) children.push(popen("echo ready >&2; exec cat", "w", { stderr: "ignore" }));
    const readers = children.map(() => popen("echo ready; exec sleep 1000", "r"));
    for (const reader of readers) assert.is(new TextDecoder().decode(await reader.read()), "ready\n");
    const own = openPipes("self");
    for (const { pid } of readers) {
      const pipes = openPipes(pid);
      assert.is(pipes.filter((pipe) => own.includes(pipe) && !inherited.includes(pipe)).length, 1);
    }
    // in any order: nobody else holds the end to write to
    for (const child of children.reverse()) {
      await child.end();
      assert.equal(await child.close(), { kind: "exited", code: 0 });
    }
    for (const reader of readers) {
      reader.kill(SIGKILL);
      await reader.close();
    }
  }),
);

/** The pipes that a process has. */
function openPipes(pid: number | "self"): string[] {
  const pipes: string[] = [];
  for (const fd of readdirSync(`/proc/${pid}/fd`)) {
    try {
      pipes.push(readlinkSync(`/proc/${pid}/fd/${fd}`));
    } catch {
      // closed by now
    }
  }
  return pipes.filter((target) => target.startsWith("pipe:"));
}

/** The pipes that every child has, as standard streams. */
const inherited = ["0", "1", "2"].flatMap((fd) => {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return [];
  }
});

test(
  "folder, environment and standard error",
  deadline(LIMIT, async () => {
    const folder = realpathSync(tmpdir());
    assert.is(await outputOf(popen("pwd -P", "r", { cwd: folder })), `${folder}\n`);
    assert.is(await outputOf(popen('echo "$A-$B"', "r", { env: { A: "1", B: undefined } })), "1-\n");
    assert.is(await outputOf(popen("echo out; echo err >&2", "r", { stderr: "pipe" })), "out\nerr\n");
    assert.is(await outputOf(popen("echo out; echo err >&2", "r", { stderr: "ignore" })), "out\n");
    assert.is(await outputOf(popen(["printf", "%s|", "a b", "$HOME"], "r")), "a b|$HOME|");
    assert.is(
      await outputOf(popen("-x 2>&1 || echo begins with a dash", "r", { stderr: "ignore" })).then((text) =>
        text.includes("begins with a dash"),
      ),
      true,
    );
  }),
);

test(
  "the other streams are those of this process",
  deadline(LIMIT, async () => {
    const own = ["0", "1", "2"].map((fd) => readlinkSync(`/proc/self/fd/${fd}`));
    const reader = popen("for fd in 0 2; do readlink /proc/$$/fd/$fd; done", "r");
    assert.equal((await outputOf(reader)).split("\n"), [own[0], own[2], ""]);
    const writer = popen(`test "$(readlink /proc/$$/fd/2)" = "${own[2]}" && test -e /proc/$$/fd/1`, "w");
    assert.equal(await writer.close(), { kind: "exited", code: 0 });
  }),
);

async function outputOf(child: Popen): Promise<string> {
  const text = await child.text();
  assert.equal(await child.close(), { kind: "exited", code: 0 });
  return text;
}

test(
  "a program starts with no signal blocked",
  deadline(LIMIT, async () => {
    block(["SIGUSR1"]);
    // not through a shell: dash unblocks all signals by itself
    const child = popen(["grep", "SigBlk", "/proc/self/status"], "r");
    unblock(["SIGUSR1"]);
    assert.match(await outputOf(child), /^SigBlk:\s+0+\n$/);
  }),
);

test(
  "the runtime's own children are not disturbed, nor are ours by it",
  deadline(LIMIT, async () => {
    const own = popen("exit 5", "r");
    const theirs = Array.from({ length: 4 }, (_, code) => spawn("sh", ["-c", `exit ${code}`]));
    const exits = theirs.map((child) => once(child, "exit"));
    assert.equal(await own.close(), { kind: "exited", code: 5 });
    const codes = (await Promise.all(exits)).map(([code]) => code);
    assert.equal(codes, [0, 1, 2, 3]);
  }),
);

test(
  "50 programs at once, both ways, 10 MB each, beside the runtime's own children",
  deadline(120_000, async () => {
    const BYTES = 10_000_000;
    const theirs = Array.from({ length: 6 }, (_, code) => spawn("sh", ["-c", `sleep 0.${code}; exit ${code}`]));
    const exits = theirs.map((child) => once(child, "exit"));
    const block = new Uint8Array(1_000_000).fill(7);
    const runs = Array.from({ length: 50 }, async (_, index) => {
      const code = index % 5;
      if (index % 2 === 0) {
        const child = popen(`head -c ${BYTES} /dev/zero | cat; exit ${code}`, "r");
        let count = 0;
        for await (const chunk of child) count += chunk.byteLength;
        assert.is(count, BYTES);
        assert.equal(await child.close(), { kind: "exited", code });
        return;
      }
      const child = popen(`test "$(wc -c)" = ${BYTES} && exit ${code}; exit 99`, "w");
      for (let sent = 0; sent < BYTES; sent += block.byteLength) await child.write(block);
      assert.equal(await child.close(), { kind: "exited", code });
    });
    await Promise.all(runs);
    assert.equal(
      (await Promise.all(exits)).map(([code]) => code),
      [0, 1, 2, 3, 4, 5],
    );
  }),
);

test(
  "in a worker thread",
  deadline(LIMIT, async () => {
    const extension = import.meta.url.endsWith(".js") ? "js" : "ts";
    const worker = new Worker(new URL(`./peers/popen-in-worker.${extension}`, import.meta.url));
    const exited = once(worker, "exit");
    const [said] = await once(worker, "message");
    assert.equal(said, {
      text: "from a worker\n",
      read: { kind: "exited", code: 3 },
      written: { kind: "exited", code: 0 },
      killed: { kind: "killed", signal: SIGKILL, coreDumped: false },
    });
    await exited;
  }),
);

test(
  "a child that somebody else waited for is said to be gone",
  deadline(LIMIT, async () => {
    const child = popen("exit 0", "r");
    assert.is(await child.read(), undefined);
    while (typeof waitpid(child.pid) === "number");
    let thrown: unknown;
    await child.close().catch((error) => {
      thrown = error;
    });
    assert.is((thrown as { code?: string }).code, "ECHILD");
    throwsSystemError(() => child.closeSync(), "ECHILD", "waitpid");
    assert.not(child.kill());
  }),
);

test("a child that cannot be watched is killed, and does not stay in the list of processes", async () => {
  waitpid(posixSpawnp("true", ["true"]));
  const pid = posixSpawnp("sleep", ["sleep", "1000"]);
  const { soft, hard } = getrlimit(RLIMIT_NOFILE);
  let thrown: unknown;
  setrlimit(RLIMIT_NOFILE, { soft: 0, hard });
  try {
    new Child(pid);
  } catch (error) {
    thrown = error;
  } finally {
    setrlimit(RLIMIT_NOFILE, { soft, hard });
  }
  await failsWith("IPC_LIMIT", () => Promise.reject(thrown), /Cannot watch the child/);
  throwsSystemError(() => waitpid(pid, WNOHANG), "ECHILD", "waitpid");
});

test("misuse, and programs that are not there", async () => {
  await failsWith("IPC_NOT_FOUND", () => popen(["millrace-has-no-such-command"], "r"), /Cannot start/);
  await failsWith("IPC_NOT_FOUND", () => popen("true", "r", { cwd: "/no/such/folder" }), /in \/no\/such\/folder/);
  await failsWith("IPC_PERMISSION", () => popen(["/etc/passwd"], "r"));
  await failsWith("RangeError", () => popen("", "r"));
  await failsWith("RangeError", () => popen([], "r"));
  await failsWith("RangeError", () => popen("a\0b", "r"));
  await failsWith("TypeError", () => popen(3 as unknown as string, "r"));
  await failsWith("TypeError", () => popen("true", "rw" as "r"));
  await failsWith("TypeError", () => popen("true", "w", { stderr: "pipe" }));
  await failsWith("TypeError", () => popen("true", "r", { cwd: 3 as unknown as string }));
  const child = popen("true", "r");
  await failsWith("TypeError", child.write("x"), /needs a program started with "w"/);
  await failsWith("TypeError", () => child.writable);
  await failsWith("RangeError", () => child.kill("SIGNONE"));
  await failsWith("TypeError", () => child.readSync({ signal: AbortSignal.abort() } as object));
  await child.close();
});

leakCheck(test, async () => {
  // the reactor, and what Bun keeps after its first child
  await failsWith("IPC_TIMEOUT", wait(["SIGUSR2"], { timeout: 1 }));
  await once(spawn("true"), "close");
});
test.run();
