import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Finding } from "../../src/cli/doctor/finding.ts";
import { renderTable } from "../../src/cli/render-table.ts";
import { O_CREAT, O_EXCL, O_RDWR } from "../../src/ffi/abi/current.ts";
import { close, ftruncate } from "../../src/ffi/fd.ts";
import { shmOpen } from "../../src/ffi/posix-shm.ts";
import { Channel } from "../../src/ipc/channel.ts";
import type { ObjectInfo } from "../../src/ipc/listing/object-info.ts";
import { deadline } from "../support/deadline.ts";
import { commandFor } from "../support/runtimes.ts";
import { uniqueName } from "../support/unique-name.ts";
import { endMillraces, millrace } from "./run-millrace.ts";

const LIMIT = 30_000;
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

test.after(endMillraces);

test(
  "list shows an object as a table and as JSON, and remove removes it once",
  deadline(LIMIT, async () => {
    const name = `/${uniqueName("cli")}`;
    const fd = shmOpen(name, O_RDWR | O_CREAT | O_EXCL);
    ftruncate(fd, 5000);
    const table = await millrace(["list", "--kind", "posix-shm"]);
    assert.is(table.status, 0, table.stderr);
    assert.match(text(table.stdout), new RegExp(`posix-shm .*${name} .*600 .*5.00 kB .*${process.pid}`));
    const json = await millrace(["list", "--kind", "posix-shm,ring", "--json"]);
    const listed = (JSON.parse(text(json.stdout)) as ObjectInfo[]).find((one) => one.name === name);
    assert.is(listed?.size, 5000);
    assert.equal(listed?.holders, [process.pid]);
    const mine = await millrace(["list", "--mine", "--json"]);
    assert.not((JSON.parse(text(mine.stdout)) as ObjectInfo[]).some((one) => one.name === name));
    const busy = await millrace(["remove", `posix-shm:${name}`]);
    assert.is(busy.status, 5);
    assert.match(busy.stderr, /IPC_BUSY/);
    const forced = await millrace(["remove", "--force", `posix-shm:${name}`]);
    assert.is(text(forced.stdout), `removed posix-shm ${name}\n`);
    const gone = await millrace(["remove", `posix-shm:${name}`]);
    assert.is(gone.status, 1);
    assert.match(gone.stderr, /IPC_NOT_FOUND/);
    close(fd);
  }),
);

test(
  "gc removes what a killed command left",
  deadline(LIMIT, async () => {
    const name = uniqueName("killed");
    const { startMillrace } = await import("./run-millrace.ts");
    const killed = startMillrace("send", "--lines", `ring:${name}`);
    killed.child.stdin.write("one\n");
    const receiver = await Channel.receiver(`ring:${name}`, { codec: "text" });
    assert.is(await receiver.receive(), "one");
    killed.kill("SIGKILL");
    await killed.ended;
    const held = await millrace(["gc", "--json"]);
    assert.equal(JSON.parse(text(held.stdout)).removed, []);
    assert.is(JSON.parse(text(held.stdout)).kept.length, 1);
    receiver.close();
    const after = await millrace(["gc", "--dry-run"]);
    assert.is(text(after.stdout), "Nothing is left of killed processes\n");
  }),
);

test(
  "doctor tells of every part, and its status says whether something is a problem",
  deadline(LIMIT, async () => {
    const json = await millrace(["doctor", "--json", "--maps"]);
    const { ok, findings, maps } = JSON.parse(text(json.stdout));
    assert.is(json.status, ok ? 0 : 1);
    const names = findings.map(({ name }: { name: string }) => name);
    for (const name of [
      "calls to C",
      "pidfd",
      "arena",
      "/dev/shm",
      "kernel.msgmax",
      "RLIMIT_NOFILE",
      "fs.pipe-max-size",
    ]) {
      assert.ok(names.includes(name), name);
    }
    for (const { verdict, meaning, name } of findings) {
      assert.ok(verdict === "ok" || meaning !== "", `${name} is a ${verdict} without a meaning`);
    }
    assert.is(maps.bytes, 2 ** 30);
    const table = await millrace(["doctor"]);
    assert.match(text(table.stdout), /kernel\.msgmax/);
  }),
);

test(
  "doctor on Deno names each permission that is missing, and the options that give them",
  deadline(LIMIT, async () => {
    const doctor = async (...given: string[]) => {
      const { command, args, env } = commandFor("deno", "src/cli/millrace.ts", ["doctor", "--json"]);
      const child = spawn(
        command,
        args.flatMap((one) => (one === "-A" ? given : one)),
        {
          env: { ...process.env, ...env },
          stdio: ["ignore", "pipe", "inherit"],
        },
      );
      const output: Buffer[] = [];
      child.stdout.on("data", (part: Buffer) => output.push(part));
      const [status] = await once(child, "close");
      const { findings } = JSON.parse(text(Buffer.concat(output))) as { findings: Finding[] };
      return { status, bad: findings.filter(({ area, verdict }) => area === "permissions" && verdict !== "ok") };
    };
    const names = (bad: Finding[]) => bad.map(({ name }) => name.replace("--allow-", "")).join(" ");
    const none = await doctor();
    assert.is(none.status, 1);
    assert.is(names(none.bad), "ffi read write env sys all");
    assert.is(none.bad[0]?.remedy, "deno run --allow-ffi --allow-read --allow-write --allow-env --allow-sys …");
    const noWrite = await doctor("--allow-ffi", "--allow-read", "--allow-env", "--allow-sys");
    assert.is(noWrite.status, 1);
    assert.is(names(noWrite.bad), "write all");
    assert.is(noWrite.bad[0]?.remedy, "deno run --allow-write …");
    const most = await doctor("--allow-ffi", "--allow-read", "--allow-write", "--allow-env", "--allow-sys");
    assert.is(most.status, 0);
    assert.is(names(most.bad), "all");
    const all = await doctor("-A");
    assert.is(names(all.bad), "");
  }),
);

test(
  "doctor finds a directory that cannot be used, and says how to change it",
  deadline(LIMIT, async () => {
    const before = process.env.MILLRACE_DIR;
    process.env.MILLRACE_DIR = "/nowhere/at/all";
    try {
      const ending = await millrace(["doctor"]);
      assert.is(ending.status, 1);
      assert.match(text(ending.stdout), /problem: object directory: .*\n {2}to change it: export MILLRACE_DIR=/);
    } finally {
      if (before === undefined) delete process.env.MILLRACE_DIR;
      else process.env.MILLRACE_DIR = before;
    }
  }),
);

test(
  "a wrong command line opens nothing",
  deadline(LIMIT, async () => {
    for (const args of [["list", "--kind", "nothing"], ["remove"], ["remove", "frames"], ["gc", "now"]]) {
      const { status, stdout } = await millrace(args);
      assert.is(status, 2, args.join(" "));
      assert.is(stdout.length, 0);
    }
  }),
);

test("a table is cut to the terminal, and shows no control characters", () => {
  const columns = [{ name: "a", shrink: true }, { name: "b" }];
  const lines = renderTable(columns, [["x".repeat(100), "\u001b[31m"]], 40)
    .trimEnd()
    .split("\n");
  assert.ok(
    lines.every((line) => line.length <= 40),
    lines.join("\n"),
  );
  assert.match(lines.join("\n"), /x…/);
  assert.not(lines.join("\n").includes("\u001b"));
});

test.run();
