import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import process from "node:process";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { JOURNAL_PREFIX } from "../../src/objects/journal.ts";
import { objectDirectory } from "../../src/objects/object-directory.ts";
import { objectIdentity } from "../../src/objects/object-identity.ts";
import type { ObjectKind } from "../../src/objects/object-kinds.ts";
import { removeRecorded } from "../../src/objects/remove-recorded.ts";
import { deadline } from "../support/deadline.ts";
import { commandFor, currentRuntime } from "../support/runtimes.ts";
import { uniqueName } from "../support/unique-name.ts";

interface Ending {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly said: readonly string[];
  readonly objects: readonly { kind: ObjectKind; name: string }[];
}

/** Runs an owner to its end; a signal is sent when it has said `line`. */
async function runOwner(how: string, signal?: NodeJS.Signals, line = "made"): Promise<Ending> {
  const { command, args, env } = commandFor(currentRuntime(), "test/objects/owner.ts", [how, uniqueName("own")]);
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
  let text = "";
  let errors = "";
  child.stdout.setEncoding("utf8").on("data", (part: string) => {
    const before = text;
    text += part;
    // by the process id: Deno's child.kill would report that signal as the end, whatever the end was
    if (signal !== undefined && text.split("\n").includes(line) && !before.split("\n").includes(line))
      process.kill(child.pid as number, signal);
  });
  child.stderr.setEncoding("utf8").on("data", (part: string) => {
    errors += part;
  });
  const [status, ended] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve) =>
    child.once("close", (...ending) => resolve(ending)),
  );
  const said = text.split("\n").filter((one) => one !== "");
  if (!said.includes("made")) assert.unreachable(`${how} made nothing: ${errors}`);
  const objects = said.flatMap((one) => {
    const [, kind, name] = /^([a-z]+(?:-[a-z]+)?) (\S+)$/.exec(one) ?? [];
    return kind !== undefined && name !== undefined && (name.startsWith("/") || /^\d+$/.test(name))
      ? [{ kind: kind as ObjectKind, name }]
      : [];
  });
  assert.ok(objects.length >= 6, said.join("; "));
  return { status, signal: ended, said, objects };
}

function left({ objects }: Ending): string[] {
  return objects.filter(({ kind, name }) => objectIdentity(kind, name) !== undefined).map(({ kind }) => kind);
}

function journals(): string[] {
  return readdirSync(objectDirectory()).filter((name) => name.startsWith(JOURNAL_PREFIX));
}

const LIMIT = 20_000;

for (const [how, status] of [
  ["end", 0],
  ["exit", 7],
  ["throw", 1],
  ["reject", 1],
  ["release", 0],
  ["worker-end", 0],
  ["worker-terminate", 0],
] as const) {
  test(
    `nothing is left after ${how}`,
    deadline(LIMIT, async () => {
      const ending = await runOwner(how);
      assert.equal(left(ending), []);
      assert.is(ending.status, status);
      assert.equal(journals(), []);
    }),
  );
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  test(
    `nothing is left after ${signal}, and the process ended by it`,
    deadline(LIMIT, async () => {
      const ending = await runOwner("signal", signal);
      assert.equal(left(ending), []);
      assert.is(ending.signal, signal);
      assert.equal(journals(), []);
    }),
  );
}

test(
  "a listener of the program decides what a signal does",
  deadline(LIMIT, async () => {
    const ending = await runOwner("listener", "SIGTERM", "listening");
    assert.ok(ending.said.includes("mine"));
    assert.is(ending.status, 9);
    assert.equal(left(ending), []);
  }),
);

test(
  "an error that the program survives removes nothing",
  deadline(LIMIT, async () => {
    const ending = await runOwner("caught");
    assert.ok(ending.said.includes("still there"), ending.said.join("; "));
    assert.is(ending.status, 0);
    assert.equal(left(ending), []);
  }),
);

test(
  "what is released, stays",
  deadline(LIMIT, async () => {
    const ending = await runOwner("opt-out");
    const released = ending.objects.slice(0, 6);
    for (const { kind, name } of released) {
      const identity = objectIdentity(kind, name);
      assert.ok(identity !== undefined, `${kind} ${name} is gone`);
      assert.ok(removeRecorded({ kind, name, identity }));
    }
    assert.equal(left(ending), []);
    assert.equal(journals(), []);
  }),
);

test(
  "a killed process leaves its objects and its journal",
  deadline(LIMIT, async () => {
    const ending = await runOwner("signal", "SIGKILL");
    assert.is(left(ending).length, ending.objects.length);
    const { readJournals, removeJournal } = await import("../../src/objects/read-journals.ts");
    const [found, ...others] = readJournals();
    assert.is(others.length, 0);
    assert.not(found?.alive);
    assert.equal(
      found?.records.map(({ kind, name }) => `${kind} ${name}`).sort(),
      ending.objects.map(({ kind, name }) => `${kind} ${name}`).sort(),
    );
    for (const record of found?.records ?? []) assert.ok(removeRecorded(record), `${record.kind} ${record.name}`);
    if (found !== undefined) removeJournal(found);
    assert.equal(left(ending), []);
  }),
);

test.run();
