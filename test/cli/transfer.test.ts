// runtimes: bun node20 deno - Node 26 would run the same build as Node 20
// timeout: 240s
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Channel } from "../../src/ipc/channel.ts";
import { objectDirectory } from "../../src/objects/object-directory.ts";
import { deadline } from "../support/deadline.ts";
import { endMillraces, millrace, millraceCommand, type RunningMillrace, startMillrace } from "./run-millrace.ts";
import { until } from "./until.ts";

const LIMIT = 60_000;
const folder = mkdtempSync(join(tmpdir(), "transfer-"));
const FIFO = join(folder, "fifo");
const KEY = 0x4d4d_0000 + (process.pid & 0xffff);
const ADDRESSES = ["ring:transfer", `fifo:${FIFO}`, `sysv:0x${KEY.toString(16)}`];

/** Bytes in which every value occurs, and no pattern that a lost or a doubled piece would leave as it is. */
function randomBytes(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = seed;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

/** What is there of the objects that the tests make. */
function objects(): string[] {
  // what a killed process owned is in its journal, which stays for gc
  const found = readdirSync(objectDirectory()).filter((name) => !name.startsWith(".owned-"));
  if (existsSync(FIFO)) found.push(FIFO);
  if (new RegExp(`^ *${KEY} `, "m").test(readFileSync("/proc/sysvipc/msg", "utf8"))) found.push(`queue ${KEY}`);
  return found;
}

/** A test after which no object may be left. */
function tidy(handler: () => Promise<void>): (context: unknown) => Promise<void> {
  return deadline(LIMIT, async () => {
    await handler();
    assert.equal(objects(), []);
  });
}

/** A receiver that has made its object, so that it is not the sender's. */
async function startReceiver(...args: string[]): Promise<RunningMillrace> {
  const running = startMillrace("recv", ...args);
  await until(() => objects().length > 0);
  return running;
}

test.after.each(endMillraces);
test.after(() => rmSync(folder, { recursive: true, force: true }));

for (const address of ADDRESSES) {
  test(
    `${address}: standard input arrives on standard output, byte for byte`,
    tidy(async () => {
      const sent = randomBytes(3_000_001, 7);
      const receiving = startMillrace("recv", address, "--json");
      const sending = await millrace(["send", address, "--json"], sent);
      const { status, stdout, stderr } = await receiving.ended;
      assert.equal([sending.status, status], [0, 0], sending.stderr + stderr);
      assert.ok(stdout.equals(sent));
      for (const figures of [JSON.parse(sending.stderr), JSON.parse(stderr)]) {
        assert.equal(Object.keys(figures), ["address", "messages", "bytes", "seconds", "gbPerSecond"]);
        assert.is(figures.address, address);
        assert.is(figures.bytes, sent.length);
        assert.ok(figures.messages > 0 && figures.seconds > 0 && figures.gbPerSecond > 0);
      }
    }),
  );

  test(
    `${address}: lines are messages, with --count so many of them`,
    tidy(async () => {
      const receiving = startMillrace("recv", address, "--lines", "--json");
      const sending = await millrace(["send", address, "--lines", "--count", "4"], "one\n\ntwo\nthree\nfour\n");
      assert.is(sending.status, 0, sending.stderr);
      const { status, stdout, stderr } = await receiving.ended;
      assert.is(status, 0);
      assert.is(stdout.toString(), "one\n\ntwo\nthree\n");
      assert.is(JSON.parse(stderr).messages, 4);
    }),
  );

  test(
    `${address}: a receiver that has enough ends well, and its sender learns of it`,
    tidy(async () => {
      const receiving = startMillrace("recv", address, "--lines", "--count", "2");
      const sending = startMillrace("send", address, "--lines");
      sending.child.stdin.write("one\ntwo\n");
      const { status, stdout } = await receiving.ended;
      assert.is(status, 0);
      assert.is(stdout.toString(), "one\ntwo\n");
      sending.child.stdin.end("three\n");
      const { status: sent, stderr } = await sending.ended;
      assert.is(sent, 3);
      assert.match(stderr, /^millrace: Cannot send .* closed.*\(IPC_CLOSED\)\n$/);
    }),
  );

  test(
    `${address}: status 4 when nobody comes in time`,
    tidy(async () => {
      const { status, stdout, stderr } = await millrace(["recv", address, "--timeout", "100ms"]);
      assert.is(status, 4);
      assert.is(stdout.length, 0);
      assert.match(stderr, /^millrace: The other side of .* did nothing for 100 ms \(IPC_TIMEOUT\)\n$/);
      const sending = await millrace(["send", address, "--timeout", "100", "--json"], randomBytes(3_000_000, 1));
      assert.is(sending.status, 4, sending.stderr);
      assert.is(JSON.parse(sending.stderr).error.code, "IPC_TIMEOUT");
    }),
  );

  test(
    `${address}: status 3 when the sender is killed, and what it sent is there`,
    tidy(async () => {
      const receiving = await startReceiver(address);
      const sending = startMillrace("send", address);
      sending.child.stdin.write("hello");
      await receiving.hasWritten(5);
      sending.kill("SIGKILL");
      const { status, stdout, stderr } = await receiving.ended;
      assert.is(status, 3);
      assert.is(stdout.toString(), "hello");
      assert.match(stderr, /^millrace: .*\(IPC_PEER_GONE\)\n$/);
    }),
  );

  for (const [signal, expected] of [
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGHUP", 129],
  ] as const) {
    test(
      `${address}: ${signal} ends either side with status ${expected}, and the other side hears of it`,
      tidy(async () => {
        const receiving = await startReceiver(address);
        const sending = startMillrace("send", address);
        sending.child.stdin.write("hello");
        await receiving.hasWritten(5);
        sending.kill(signal);
        const sent = await sending.ended;
        assert.equal([sent.status, sent.signal, sent.stderr], [expected, null, ""]);
        // not as if that had been all
        assert.is((await receiving.ended).status, 3);
      }),
    );
  }

  test(
    `${address}: Ctrl-C of a receiver leaves nothing`,
    tidy(async () => {
      const receiving = await startReceiver(address);
      receiving.kill("SIGINT");
      const { status, stderr } = await receiving.ended;
      assert.equal([status, stderr], [130, ""]);
    }),
  );

  test(
    `${address}: a sender that nobody received from leaves nothing when it ends by Ctrl-C`,
    tidy(async () => {
      const sending = startMillrace("send", address);
      sending.child.stdin.write("hello");
      await until(() => objects().length > 0);
      sending.kill("SIGINT");
      assert.is((await sending.ended).status, 130);
    }),
  );
}

test(
  "files: from a file, into a file, with sizes around the chunk's",
  tidy(async () => {
    const [source, target] = [join(folder, "source"), join(folder, "target")];
    for (const size of [0, 1, 128 * 1024, 128 * 1024 + 1]) {
      const sent = randomBytes(size, size);
      writeFileSync(source, sent);
      writeFileSync(target, "what was there before, which is longer than one byte");
      const receiving = startMillrace("recv", "transfer", "-o", target, "--capacity", "64k");
      const sending = await millrace(["send", "transfer", source]);
      assert.equal([sending.status, (await receiving.ended).status], [0, 0]);
      assert.ok(readFileSync(target).equals(sent), `${size} bytes`);
    }
  }),
);

test(
  "a sender may come and go before its receiver",
  tidy(async () => {
    assert.is((await millrace(["send", "ring:transfer"], "early")).status, 0);
    assert.is((await millrace(["recv", "ring:transfer"])).stdout.toString(), "early");
  }),
);

test(
  "--raw exchanges with other programs over a FIFO",
  tidy(async () => {
    const receiving = startMillrace("recv", "--raw", `fifo:${FIFO}`);
    await until(() => existsSync(FIFO));
    writeFileSync(FIFO, "from a program that knows no frames");
    assert.is((await receiving.ended).stdout.toString(), "from a program that knows no frames");

    const sending = millrace(["send", "--raw", "--lines", `fifo:${FIFO}`], "a\nb");
    await until(() => existsSync(FIFO));
    const cat = spawn("cat", [FIFO], { stdio: ["ignore", "pipe", "inherit"] });
    let text = "";
    for await (const chunk of cat.stdout) text += chunk;
    assert.is(text, "a\nb\n");
    assert.is((await sending).status, 0);
  }),
);

test(
  "pipe:1 and pipe:0 are the ends of a shell's pipe, and recv | head ends quietly",
  tidy(async () => {
    const [send, recv] = [millraceCommand(["send", "pipe:1"]), millraceCommand(["recv", "pipe:0"])];
    const script = `${quote(send)} | { ${quote(recv)}; echo "status $?" >&2; } | head -c 10`;
    const shell = spawn("/bin/sh", ["-c", script], { env: { ...process.env, ...send.env } });
    let [stdout, stderr] = ["", ""];
    shell.stdout.on("data", (chunk) => {
      stdout += chunk;
    });
    shell.stderr.on("data", (chunk) => {
      stderr += chunk;
    });
    shell.stdin.on("error", () => {});
    const more = () => shell.stdin.write("0123456789".repeat(1000));
    const timer = setInterval(more, 10);
    await new Promise((resolve) => shell.once("close", resolve));
    clearInterval(timer);
    assert.is(stdout, "0123456789");
    assert.match(stderr, /^status 141\nmillrace: [^\n]*IPC_CLOSED\)\n$|^millrace: [^\n]*IPC_CLOSED\)\nstatus 141\n$/);
  }),
);

function quote({ command, args }: { command: string; args: readonly string[] }): string {
  return [command, ...args].map((word) => `'${word}'`).join(" ");
}

test(
  "what cannot be done is one line and a status",
  tidy(async () => {
    const missing = join(folder, "missing");
    const cases: [args: string[], status: number, message: RegExp][] = [
      [
        [],
        2,
        /There is no command\. The commands are demo, send, recv, list, remove, gc, doctor\. See millrace --help/,
      ],
      [["fly"], 2, /no command "fly"/],
      [["send"], 2, /no ADDRESS/],
      [["recv", "x:y"], 2, /unknown scheme "x"/],
      [["recv", "ring:a", "--lanes"], 2, /no option --lanes/],
      [["send", "ring:a", missing], 1, /ENOENT.*missing/],
      [["send", "ring:a", folder], 1, /it is a directory/],
      [["recv", "ring:a", "-o", join(missing, "x")], 1, /ENOENT/],
      [["send", "pipe:77"], 1, /no descriptor 77.*\(IPC_NOT_FOUND\)/],
      [["demo", missing], 1, /ENOENT/],
      [["demo", folder], 2, /not a regular file/],
      [["demo", "--runtime", "python"], 2, /--runtime is "python"/],
    ];
    for (const [args, status, message] of cases) {
      const ending = await millrace(args);
      const what = `millrace ${args.join(" ")}: ${ending.stderr}`;
      assert.is(ending.status, status, what);
      assert.is(ending.stdout.length, 0, what);
      assert.match(ending.stderr, /^millrace: [^\n]+\n$/, what);
      assert.match(ending.stderr, message, what);
    }
  }),
);

test(
  "status 5 when somebody else holds that end; --debug shows the stack",
  tidy(async () => {
    const holder = await Channel.receiver("ring:transfer");
    try {
      const { status, stderr } = await millrace(["recv", "ring:transfer"]);
      assert.is(status, 5);
      assert.match(
        stderr,
        new RegExp(`^millrace: Cannot open [^\\n]* process ${process.pid} [^\\n]*\\(IPC_BUSY\\)\\n$`),
      );
      assert.match((await millrace(["recv", "ring:transfer", "--debug"])).stderr, /\n\s+at /);
    } finally {
      await holder.close();
    }
  }),
);

test(
  "--help and --version",
  tidy(async () => {
    const { version } = JSON.parse(readFileSync("package.json", "utf8"));
    assert.is((await millrace(["--version"])).stdout.toString(), `${version}\n`);
    assert.match((await millrace(["--help"])).stdout.toString(), /USAGE millrace COMMAND/);
    for (const command of ["send", "recv", "demo"]) {
      const { status, stdout, stderr } = await millrace([command, "--help"]);
      assert.equal([status, stderr], [0, ""]);
      assert.match(stdout.toString(), new RegExp(`USAGE millrace ${command}(.*\\n)*EXIT STATUS(.*\\n)*.*128\\+N`));
      assert.not.match(stdout.toString(), /\[\d+m/, "no colours where there is no terminal");
    }
  }),
);

test.run();
