// runtimes: bun node20 deno - Node 26 would run the same build as Node 20
// timeout: 240s
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { sha256 } from "../../../src/cli/demo/sha256.ts";
import { objectDirectory } from "../../../src/objects/object-directory.ts";
import { deadline } from "../../support/deadline.ts";
import { endMillraces, millrace, startMillrace } from "../run-millrace.ts";
import { until } from "../until.ts";

const LIMIT = 100_000;
const folder = mkdtempSync(join(tmpdir(), "demo-"));
const file = join(folder, "file");
const content = new Uint8Array(4 * 1024 * 1024 + 5).map((_, i) => (i * 7) ^ (i >> 9));
writeFileSync(file, content);

/** Everything that a demo has made so far: its folder, and what is in it. */
function made(): string[] {
  const found: string[] = [];
  for (const name of readdirSync(objectDirectory())) found.push(name, ...contents(join(objectDirectory(), name)));
  return found;
}

/** Nothing, when it has just been removed. */
function contents(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

/** A test after which nothing of a demo may be left. */
function tidy(handler: () => Promise<void>): (context: unknown) => Promise<void> {
  return deadline(LIMIT, async () => {
    await handler();
    assert.equal(made(), []);
  });
}

test.after.each(endMillraces);
test.after(() => rmSync(folder, { recursive: true, force: true }));

test(
  "a file arrives whole through every transport",
  tidy(async () => {
    const { status, stdout, stderr } = await millrace(["demo", file, "--json"]);
    assert.is(status, 0, stderr);
    const results = JSON.parse(stdout.toString());
    assert.equal(
      results.transports.map((result: { transport: string }) => result.transport),
      ["ring", "pipe", "fifo", "unix", "sysv", "mq"],
    );
    for (const result of [...results.transports, results.comparison]) {
      assert.is(result.ok, true, JSON.stringify(result));
      assert.is(result.bytes, content.length);
      assert.ok(result.messages > 0 && result.seconds > 0 && result.gbPerSecond > 0);
      assert.is(result.sha256Sent, sha256(content));
      assert.is(result.sha256Received, sha256(content));
    }
    assert.is(results.comparison.transport, "stdio");
  }),
);

test(
  "for people it prints a table, also of an empty file",
  tidy(async () => {
    const empty = join(folder, "empty");
    writeFileSync(empty, "");
    const { status, stdout, stderr } = await millrace(["demo", empty]);
    assert.is(status, 0, stderr);
    assert.is(stderr, "", "no bar where there is no terminal");
    for (const name of ["ring", "pipe", "fifo", "unix", "sysv", "mq", "stdio"]) {
      assert.match(stdout.toString(), new RegExp(`│ ${name} .*│ yes `));
    }
  }),
);

/** A demo that is at a stage, or was a moment ago: when it has ended by then, the caller starts another one. */
async function demoAt(stage: string): Promise<ReturnType<typeof startMillrace>> {
  // not the folder of a demo, whose name has random letters
  const isThere = () => made().some((name) => name === stage || name.endsWith(`.${stage}`));
  for (;;) {
    const running = startMillrace("demo", file);
    await until(() => isThere() || running.child.exitCode !== null);
    if (running.child.exitCode === null) return running;
    await running.ended;
  }
}

for (const stage of ["ring", "fifo", "sysv", "mq"]) {
  test(
    `Ctrl-C while it is at ${stage} leaves nothing`,
    tidy(async () => {
      let stopped: Awaited<ReturnType<typeof startMillrace>["ended"]>;
      do {
        const running = await demoAt(stage);
        running.kill("SIGINT");
        stopped = await running.ended;
        // it had come to its end all the same
      } while (stopped.status === 0);
      assert.equal([stopped.status, stopped.stdout.toString(), stopped.stderr], [130, "", ""]);
    }),
  );
}

for (const stage of ["ring", "sysv", "mq"]) {
  test(
    `workers whose driver is killed while it is at ${stage} end, and clean up`,
    tidy(async () => {
      const running = await demoAt(stage);
      running.kill("SIGKILL");
      await running.ended;
      await until(() => made().length === 0);
    }),
  );
}

test.run();
