import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Channel } from "../../src/ipc/channel.ts";
import type { ObjectInfo } from "../../src/ipc/listing/object-info.ts";
import { objects } from "../../src/ipc/listing/objects.ts";
import { JOURNAL_PREFIX } from "../../src/objects/journal.ts";
import { objectDirectory } from "../../src/objects/object-directory.ts";
import type { ObjectKind } from "../../src/objects/own.ts";
import { deadline } from "../support/deadline.ts";
import { failsWith } from "../support/fails-with.ts";
import { leakCheck } from "../support/leak-check.ts";
import { compileNative } from "../support/native-program.ts";
import { commandFor, currentRuntime } from "../support/runtimes.ts";
import { uniqueName } from "../support/unique-name.ts";

const LIMIT = 30_000;

interface Maker {
  readonly pid: number;
  readonly made: readonly { kind: ObjectKind; name: string }[];
  end(signal?: NodeJS.Signals): Promise<void>;
}

/** Starts a program that prints `KIND NAME` for each object it makes, and then `line`. */
async function startMaker(
  command: string,
  args: readonly string[],
  line: string,
  env?: Record<string, string>,
): Promise<Maker> {
  const child = spawn(command, args, {
    env: { ...process.env, ...env },
    stdio: [env ? "ignore" : "pipe", "pipe", "inherit"],
  });
  const closed = once(child, "close");
  let text = "";
  await new Promise<void>((resolve, reject) => {
    child.stdout?.setEncoding("utf8").on("data", (part: string) => {
      text += part;
      if (text.split("\n").includes(line)) resolve();
    });
    child.stdout?.once("end", () => reject(new Error(`It ended without "${line}": ${text}`)));
  });
  const made = text
    .split("\n")
    .filter((one) => one.includes(" "))
    .map((one) => ({ kind: one.split(" ")[0] as ObjectKind, name: one.split(" ")[1] as string }));
  return {
    pid: child.pid as number,
    made,
    async end(signal) {
      if (signal === undefined) child.stdin?.end();
      else process.kill(child.pid as number, signal);
      await closed;
    },
  };
}

function startOwner(name = uniqueName("listed")): Promise<Maker> {
  const { command, args, env } = commandFor(currentRuntime(), "test/objects/owner.ts", ["signal", name]);
  return startMaker(command, args, "made", env);
}

function find(kind: ObjectKind, name: string): ObjectInfo | undefined {
  return objects.list({ kinds: [kind] }).find((one) => one.name === name || (kind === "ring" && one.path === name));
}

/** What the machine's own tools say is there. */
function toolsSee(kind: ObjectKind, name: string): boolean {
  const options = { "sysv-shm": "-m", "sysv-msg": "-q", "sysv-sem": "-s" } as Partial<Record<ObjectKind, string>>;
  const option = options[kind];
  if (option !== undefined) {
    const lines = execFileSync("ipcs", [option], { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] }).split(
      "\n",
    );
    return lines.some((line) => line.split(/\s+/)[1] === name);
  }
  if (kind === "posix-shm") return readdirSync("/dev/shm").includes(name.slice(1));
  if (kind === "posix-sem") return readdirSync("/dev/shm").includes(`sem.${name.slice(1)}`);
  return existsSync(name);
}

test(
  "what a C program makes is listed as the system's tools list it, and gc leaves it alone",
  deadline(LIMIT, async () => {
    const maker = await startMaker(compileNative("object-maker"), [`/${uniqueName("native")}`], "ready");
    assert.is(maker.made.length, 5);
    for (const { kind, name } of maker.made) {
      const found = find(kind, name);
      assert.ok(found, `${kind} ${name} is not listed`);
      assert.ok(toolsSee(kind, name), `${kind} ${name}`);
      assert.not(found?.ours);
      assert.not(found?.stale);
      assert.is(found?.uid, process.getuid?.());
    }
    const byKind = (kind: ObjectKind) => find(kind, maker.made.find((one) => one.kind === kind)?.name ?? "");
    const segment = byKind("sysv-shm");
    assert.is(segment?.size, 12288);
    assert.is(segment?.mode, 0o640);
    assert.is(segment?.attaches, 1);
    assert.is(segment?.creatorPid, maker.pid);
    assert.equal(segment?.holders, [maker.pid]);
    assert.equal(byKind("sysv-msg")?.backlog, { messages: 1, bytes: 5 });
    assert.equal(byKind("sysv-msg")?.lastPids, [{ pid: maker.pid, role: "last send", alive: true }]);
    assert.is(byKind("sysv-sem")?.size, 6);
    assert.is(byKind("posix-shm")?.size, 8192);
    assert.equal(byKind("posix-shm")?.holders, [maker.pid]);
    assert.equal(byKind("posix-sem")?.holders, [maker.pid]);
    const held = maker.made.filter(({ kind }) => kind !== "sysv-sem");
    for (const target of held) await failsWith("IPC_BUSY", () => objects.remove(target));
    await maker.end();
    objects.gc();
    for (const { kind, name } of maker.made) assert.ok(toolsSee(kind, name), `gc took ${kind} ${name}`);
    for (const target of maker.made) {
      assert.is(objects.remove(target).kind, target.kind);
      assert.not(toolsSee(target.kind, target.name), `${target.kind} ${target.name} is still there`);
      await failsWith("IPC_NOT_FOUND", () => objects.remove(target));
    }
  }),
);

test(
  "the kernel's own tables agree with the list",
  deadline(LIMIT, async () => {
    const maker = await startMaker(compileNative("object-maker"), [`/${uniqueName("native")}`], "ready");
    for (const [kind, table, column] of [
      ["sysv-shm", "shm", 1],
      ["sysv-msg", "msg", 1],
      ["sysv-sem", "sem", 1],
    ] as const) {
      const ids = () =>
        readFileSync(`/proc/sysvipc/${table}`, "utf8")
          .trimEnd()
          .split("\n")
          .slice(1)
          .map((line) => line.trim().split(/\s+/)[column] ?? "");
      // others come and go at the same time: what was there before and after has to be listed
      const before = ids();
      const listed = objects.list({ kinds: [kind] }).map(({ name }) => name);
      const after = new Set(ids());
      for (const id of before.filter((one) => after.has(one))) assert.ok(listed.includes(id), `${kind} ${id}`);
    }
    await maker.end();
    for (const { kind, name } of maker.made) {
      const flags: Record<string, string> = { "sysv-shm": "-m", "sysv-msg": "-q", "sysv-sem": "-s" };
      const flag = flags[kind];
      if (flag === undefined) objects.remove({ kind, name });
      // with the output piped, Bun would look at process.stderr, which is a descriptor that it then keeps
      else execFileSync("ipcrm", [flag, name], { stdio: "inherit" });
      assert.is(find(kind, name), undefined);
    }
  }),
);

test(
  "what a killed process left is stale, and gc removes it all",
  deadline(LIMIT, async () => {
    const owner = await startOwner();
    assert.ok(owner.made.length >= 8);
    for (const { kind, name } of owner.made) {
      const found = find(kind, name);
      assert.ok(found?.ours, `${kind} ${name} is not ours`);
      assert.not(found?.stale);
    }
    const alive = objects.gc();
    assert.equal(alive.removed, []);
    await owner.end("SIGKILL");
    for (const { kind, name } of owner.made) assert.ok(find(kind, name)?.stale, `${kind} ${name} is not stale`);
    const key = ({ kind, name }: { kind: string; name: string }) => `${kind} ${name}`;
    const expected = owner.made.map(key).sort();
    assert.equal(objects.gc({ dryRun: true }).removed.map(key).sort(), expected);
    for (const { kind, name } of owner.made) assert.ok(toolsSee(kind, name), `a dry run took ${kind} ${name}`);
    const { removed, kept } = objects.gc();
    assert.equal(removed.map(key).sort(), expected);
    assert.equal(kept, []);
    assert.ok(removed.every(({ pid }) => pid === owner.pid));
    for (const { kind, name } of owner.made) assert.not(toolsSee(kind, name), `${kind} ${name} is left`);
    assert.equal(
      readdirSync(objectDirectory()).filter((name) => name.startsWith(JOURNAL_PREFIX)),
      [],
    );
  }),
);

test(
  "gc keeps what somebody still uses, and says who",
  deadline(LIMIT, async () => {
    const name = uniqueName("shared");
    const owner = await startOwner(name);
    const receiver = await Channel.receiver(`ring:${name}`);
    const fifo = await Channel.sender(`fifo:${tmpdir()}/${name}-channel`);
    await owner.end("SIGKILL");
    const first = objects.gc();
    assert.equal(first.kept.map(({ object }) => object.kind).sort(), ["fifo", "ring"]);
    for (const { why } of first.kept) assert.match(why, String(process.pid));
    await failsWith("IPC_BUSY", () => objects.remove({ kind: "ring", name }));
    await receiver.close();
    await fifo.close();
    const second = objects.gc();
    assert.equal(second.kept, []);
    assert.ok(second.removed.some(({ kind }) => kind === "fifo"));
    assert.not(existsSync(join(objectDirectory(), `${name}.ring`)));
  }),
);

test(
  "gc never takes another object that has the name by now",
  deadline(LIMIT, async () => {
    const owner = await startOwner();
    await owner.end("SIGKILL");
    const shared = owner.made.find(({ kind }) => kind === "posix-shm")?.name ?? "";
    writeFileSync(`/dev/shm${shared}-new`, "somebody else's");
    renameSync(`/dev/shm${shared}-new`, `/dev/shm${shared}`);
    const { removed } = objects.gc();
    assert.not(removed.some(({ kind }) => kind === "posix-shm"));
    assert.is(readFileSync(`/dev/shm${shared}`, "utf8"), "somebody else's");
    objects.remove({ kind: "posix-shm", name: shared });
  }),
);

test(
  "gc passes over journals that are no journals, and takes temporaries of dead processes",
  deadline(LIMIT, async () => {
    const dead = spawn("true", { stdio: "ignore" });
    await once(dead, "close");
    const directory = objectDirectory();
    const head = JSON.stringify({ millrace: 1, pid: dead.pid, start: "", namespace: "", ipcNamespace: "", boot: "" });
    const victim = join(tmpdir(), "victim");
    writeFileSync(victim, "stays");
    const line = (...values: unknown[]) => JSON.stringify(["+", ...values]);
    const hostile = [
      head,
      line(1, "fifo", victim, "1:1"),
      line(2, "no-kind", "x", "y"),
      line(3, "fifo", 7, 8),
      "[",
      "null",
      "{}",
    ];
    writeFileSync(join(directory, `${JOURNAL_PREFIX}${dead.pid}-a`), hostile.join("\n"));
    writeFileSync(join(directory, `${JOURNAL_PREFIX}${dead.pid}-b`), "no journal");
    mkdirSync(join(directory, `.tmp-${dead.pid}-left`));
    assert.equal(objects.gc(), { removed: [], kept: [] });
    assert.is(readFileSync(victim, "utf8"), "stays");
    assert.equal(readdirSync(directory), [`${JOURNAL_PREFIX}${dead.pid}-b`]);
    const { rmSync } = await import("node:fs");
    rmSync(join(directory, `${JOURNAL_PREFIX}${dead.pid}-b`));
    rmSync(victim);
  }),
);

test(
  "a ring is removed by its name, with force also from under its ends",
  deadline(LIMIT, async () => {
    const name = uniqueName("forced");
    const sender = await Channel.sender(`ring:${name}`);
    await sender.send(new Uint8Array(100));
    const found = find("ring", name);
    assert.equal(found?.holders, [process.pid]);
    assert.ok((found?.backlog?.bytes ?? 0) >= 100);
    await failsWith("IPC_BUSY", () => objects.remove({ kind: "ring", name }));
    objects.remove({ kind: "ring", name }, { force: true });
    assert.is(find("ring", name), undefined);
    await sender.close();
    assert.is(find("ring", name), undefined);
  }),
);

test("misuse is refused before anything is looked at", () => {
  assert.throws(() => objects.list({ kinds: ["nothing" as ObjectKind] }), /must be one of ring/);
  assert.throws(() => objects.list({ kinds: "ring" as unknown as ObjectKind[] }), /must be an array/);
  assert.throws(() => objects.remove({ kind: "none" as ObjectKind, name: "x" }), /must be one of ring/);
  assert.throws(() => objects.remove({ kind: "ring", name: "" }), /not empty/);
});

leakCheck(test);
test.run();
