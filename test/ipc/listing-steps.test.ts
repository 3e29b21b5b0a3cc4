import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync, unlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { IPC_PRIVATE } from "../../src/ffi/abi/current.ts";
import type { ObjectInfo } from "../../src/ipc/listing/object-info.ts";
import { objects } from "../../src/ipc/listing/objects.ts";
import { PosixMessageQueue } from "../../src/ipc/posix-message-queue.ts";
import { SysvMessageQueue } from "../../src/ipc/sysv-message-queue.ts";
import { SharedMemory } from "../../src/memory/shared-memory.ts";
import { SysvSharedMemory } from "../../src/memory/sysv-shared-memory.ts";
import type { ObjectKind } from "../../src/objects/own.ts";
import { Semaphore } from "../../src/sync/semaphore.ts";
import { SysvSemaphoreArray } from "../../src/sync/sysv-semaphore-array.ts";
import { isRoot } from "../support/as-nobody.ts";
import { deadline } from "../support/deadline.ts";
import { leakCheck } from "../support/leak-check.ts";
import { nativeProgram } from "../support/native-program.ts";
import { commandFor, currentRuntime } from "../support/runtimes.ts";
import { skip } from "../support/skip.ts";
import { uniqueName } from "../support/unique-name.ts";

const LIMIT = 60_000;

interface Named {
  readonly kind: ObjectKind;
  readonly name: string;
}

/** Each kind with the options of ipcrm and ipcmk. */
const SYSV = [
  ["sysv-shm", "-m", "-M", "4096"],
  ["sysv-msg", "-q", "-Q"],
  ["sysv-sem", "-s", "-S", "2"],
] as const;
const SECTIONS: readonly (readonly [heading: RegExp, kind: ObjectKind])[] = [
  [/Shared Memory/, "sysv-shm"],
  [/Message Queues/, "sysv-msg"],
  [/Semaphore Arrays/, "sysv-sem"],
];
const KINDS = ["sysv-shm", "sysv-msg", "sysv-sem", "posix-shm", "posix-sem"] as const;

/** What `ipcs -a` and a look into `/dev/shm` say is there. */
function toolsSay(): Set<string> {
  const said = new Set<string>();
  // not with standard error piped: Bun would keep a descriptor for process.stderr
  const text = execFileSync("ipcs", ["-a"], { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
  let kind: ObjectKind | undefined;
  for (const line of text.split("\n")) {
    if (line.startsWith("---")) kind = SECTIONS.find(([heading]) => heading.test(line))?.[1];
    const [, id] = /^0x[0-9a-f]+\s+(\d+)\s/.exec(line) ?? [];
    if (id !== undefined) said.add(`${kind} ${id}`);
  }
  for (const { name } of readdirSync("/dev/shm", { withFileTypes: true }).filter((entry) => entry.isFile())) {
    said.add(name.startsWith("sem.") ? `posix-sem /${name.slice("sem.".length)}` : `posix-shm /${name}`);
  }
  return said;
}

const textOf = ({ kind, name }: Named) => `${kind} ${name}`;

/** Both agree on what is there; of what other programs make and remove meanwhile only what was there before and after is asked for. */
function agree(there: readonly Named[], gone: readonly Named[]): void {
  const before = toolsSay();
  const listed = new Set(objects.list({ kinds: KINDS }).map(textOf));
  const after = toolsSay();
  for (const one of before) assert.ok(listed.has(one) || !after.has(one), `${one} is not listed`);
  for (const one of there) assert.ok(before.has(textOf(one)) && listed.has(textOf(one)), textOf(one));
  for (const one of gone) assert.not(before.has(textOf(one)) || listed.has(textOf(one)), textOf(one));
}

interface Made extends Named {
  remove(): unknown;
  close?(): void;
}

test(
  "the list agrees with ipcs -a and ls /dev/shm after each object that is made, and that is removed in each way",
  deadline(LIMIT, async () => {
    const name = uniqueName("step");
    const makers: readonly (() => Made)[] = [
      () => {
        const made = SysvSharedMemory.create(IPC_PRIVATE, 4096);
        return { kind: "sysv-shm", name: `${made.id}`, remove: () => made.remove(), close: () => made.close() };
      },
      () => {
        const made = SysvMessageQueue.create(IPC_PRIVATE);
        return { kind: "sysv-msg", name: `${made.id}`, remove: () => made.remove(), close: () => made.close() };
      },
      () => {
        const made = SysvSemaphoreArray.create(IPC_PRIVATE, [1, 2]);
        return { kind: "sysv-sem", name: `${made.id}`, remove: () => made.remove(), close: () => made.close() };
      },
      () => {
        const made = SharedMemory.create(name, 4096);
        return { kind: "posix-shm", name: `/${name}`, remove: () => made.remove(), close: () => made.close() };
      },
      () => {
        const made = Semaphore.create(`/${name}`, 1);
        return { kind: "posix-sem", name: `/${name}`, remove: () => made.remove(), close: () => made.close() };
      },
      // as people make them, and remove them
      ...SYSV.map(([kind, flag]) => () => {
        const name = make(kind);
        return { kind, name, remove: () => tool("ipcrm", flag, name) };
      }),
      // as people make them, and as the library removes them
      ...SYSV.map(([kind]) => () => {
        return asRemovedByName(kind, make(kind));
      }),
      () => {
        const kept = `${name}-kept`;
        SharedMemory.create(kept, 4096, { removeOnExit: false }).close();
        return asRemovedByName("posix-shm", `/${kept}`);
      },
      () => {
        const kept = `${name}-kept`;
        Semaphore.create(kept, 1, { removeOnExit: false }).close();
        return asRemovedByName("posix-sem", `/${kept}`);
      },
      () => {
        const file = `/dev/shm/${name}-file`;
        tool("cp", "/dev/null", file);
        return { kind: "posix-shm", name: `/${name}-file`, remove: () => unlinkSync(file) };
      },
    ];
    const there: Made[] = [];
    const gone: Made[] = [];
    agree(there, gone);
    for (const make of makers) {
      there.push(make());
      agree(there, gone);
    }
    for (let one = there.shift(); one !== undefined; one = there.shift()) {
      one.remove();
      one.close?.();
      gone.push(one);
      agree(there, gone);
    }
  }),
);

/** Makes one as people do. @returns its id */
function make(kind: ObjectKind): string {
  const [, , ...options] = SYSV.find(([one]) => one === kind) ?? [];
  return /(\d+)\s*$/.exec(tool("ipcmk", ...options))?.[1] ?? "";
}

function asRemovedByName(kind: ObjectKind, name: string): Made {
  return { kind, name, remove: () => objects.remove({ kind, name }) };
}

function tool(command: string, ...args: readonly string[]): string {
  return execFileSync(command, args, { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
}

test(
  "the list agrees with the file system of the POSIX queues, where that is mounted",
  deadline(LIMIT, async () => {
    if (!isRoot()) return skip("needs root, to mount it");
    const native = nativeProgram("mq-peer");
    const [ours, foreign] = [`/${uniqueName("step")}`, `/${uniqueName("step")}`];
    assert.equal(await queues(ours, foreign), { tool: [], listed: [] });
    const queue = PosixMessageQueue.create(ours, { maxMessages: 4, messageBytes: 64 });
    assert.equal(await queues(ours, foreign), { tool: [ours], listed: [ours] });
    await native("create", foreign, 3, 32);
    await native("send", foreign, 0, "hello");
    assert.equal(await queues(ours, foreign), { tool: [ours, foreign], listed: [ours, foreign] });
    queue.remove();
    queue.close();
    assert.equal(await queues(ours, foreign), { tool: [foreign], listed: [foreign] });
    await native("remove", foreign);
    assert.equal(await queues(ours, foreign), { tool: [], listed: [] });
  }),
);

/** Which of these queues a look into the file system shows, in a mount of its own, and which the list does there. */
async function queues(...names: readonly string[]): Promise<{ tool: string[]; listed: string[] }> {
  const folder = mkdtempSync(join(tmpdir(), "a mount "));
  const peer = commandFor(currentRuntime(), "test/ipc/peers/objects-peer.ts", ["root", "list", "posix-mq"]);
  const script = 'mount -t mqueue none "$1" && ls "$1" && shift && echo -- && "$@"';
  const args = ["-m", "sh", "-c", script, "sh", folder, peer.command, ...peer.args];
  const child = spawn("unshare", args, {
    env: { ...process.env, ...peer.env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let text = "";
  child.stdout.setEncoding("utf8").on("data", (part: string) => {
    text += part;
  });
  const [status] = await once(child, "close");
  rmSync(folder, { recursive: true });
  assert.is(status, 0, text);
  const [seen = "", json = ""] = text.split("--\n");
  const tool = new Set(seen.split("\n").map((name) => `/${name}`));
  const listed = new Set((JSON.parse(json) as ObjectInfo[]).map(({ name }) => name));
  return { tool: names.filter((name) => tool.has(name)), listed: names.filter((name) => listed.has(name)) };
}

leakCheck(test);
test.run();
