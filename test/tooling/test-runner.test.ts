// runtimes: bun - the scripts run on Bun only
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { readHeader } from "../../scripts/test-runner/plan.ts";
import { readSummary } from "../../scripts/test-runner/summary.ts";
import { mqUnlink } from "../../src/ffi/mq.ts";
import { msgctlRemove, msgget } from "../../src/ffi/msg.ts";
import { semctlRemove, semget } from "../../src/ffi/sem.ts";
import { shmctlRemove, shmget } from "../../src/ffi/shm.ts";
import { isRoot } from "../support/as-nobody.ts";
import { projectRoot } from "../support/project-root.ts";
import { skip } from "../support/skip.ts";
import { uniqueKey } from "../support/unique-key.ts";
import { scratchTree } from "./scratch-tree.ts";

const IMPORTS = 'import { test } from "uvu";\n';
const PASSES = `${IMPORTS}test("passes", () => {});\ntest.run();\n`;

function runOn(files: Record<string, string>, ...options: string[]) {
  using tree = scratchTree({ "package.json": '{ "dependencies": { "uvu": "*" } }', ...files });
  return tree.run("test", "--folder", join(tree.path, "test"), ...options);
}

test("counts tests, over all runtimes that need no build", () => {
  const { status, output } = runOn(
    { "test/a.test.ts": PASSES, "test/deep/b.test.ts": PASSES, "test/support.ts": "throw 1;" },
    "--runtime",
    "bun,node26,deno",
  );
  assert.match(output, /\n6 passed, 0 failed\n$/);
  assert.is(status, 0);
});

test("runs what a filter, --runtime and the header choose, and says why a file does not run", () => {
  const files = { "test/a.test.ts": PASSES, "test/b.test.ts": `// runtimes: bun node20 - no deno here\n${PASSES}` };
  const one = runOn(files, "--runtime", "bun", "--verbose", "b.test");
  assert.match(one.output, /b\.test\.ts on bun: 1 passed/);
  assert.match(one.output, /\n1 passed, 0 failed\n$/);
  const deno = runOn(files, "--runtime", "deno");
  assert.match(deno.output, /skipped .*b\.test\.ts on deno: no deno here/);
  assert.match(deno.output, /\n1 passed, 0 failed\n$/);
  const nothing = runOn(files, "--runtime", "bun", "nowhere");
  assert.match(nothing.output, /No test file matches nowhere/);
  assert.is(nothing.status, 1);
});

test("prints the reason of a skip and counts it apart", () => {
  const skips = `process.stdout.write("\\n# skip: needs root\\n");`;
  const { status, output } = runOn(
    { "test/a.test.ts": `${IMPORTS}test("a", () => {\n  ${skips}\n});\ntest("b", () => {});\ntest.run();\n` },
    "--runtime",
    "bun",
  );
  assert.match(output, /skipped in .*a\.test\.ts on bun: needs root/);
  assert.match(output, /\n1 passed, 0 failed, 1 skipped\n$/);
  assert.is(status, 0);
});

test("names at the end what failed, and where", () => {
  const fails = `test("b", () => {\n  throw new Error("no");\n});\n`;
  const { status, output } = runOn(
    { "test/a.test.ts": `${IMPORTS}${fails}${PASSES.replace(IMPORTS, "")}`, "test/c.test.ts": `${IMPORTS}test.run();` },
    "--runtime",
    "bun",
  );
  assert.match(output, /\nfailed: \S*a\.test\.ts on bun: "b"\n/);
  assert.match(output, /\nfailed: \S*c\.test\.ts on bun: ran no test\n/);
  assert.match(output, /\n1 passed, 2 failed\n$/);
  assert.is(status, 1);
});

const WRITE = 'import { writeFileSync } from "node:fs";\nwriteFileSync';
const SPAWN = 'import { spawn } from "node:child_process";\n';
const BAD: [name: string, text: string, complaint: RegExp][] = [
  ["has a failing test", `${IMPORTS}test("fails", () => {\n  throw new Error("oh no");\n});\ntest.run();`, /oh no/],
  ["imports what does not exist", 'import "./nothing.ts";', /ran no test/],
  ["never runs its suite", `${IMPORTS}test("a", () => {});`, /ran no test/],
  ["has no test", `${IMPORTS}test.run();`, /ran no test/],
  ["ends the process early with status 0", `${PASSES}process.exit(0);`, /ran no test/],
  ["fails in before()", `test.before(() => {\n  throw 1;\n});\n${PASSES}`, /a before or after hook threw/],
  ["fails in after()", `test.after(() => {\n  throw 1;\n});\n${PASSES}`, /ran no test/],
  ["fails after its tests", `${PASSES}process.on("exit", () => {\n  process.exitCode = 3;\n});`, /ended with status 3/],
  ["hides a test with uvu's skip", `test.skip("b", () => {});\n${PASSES}`, /used uvu's skip or only/],
  ["runs too long", `// timeout: 1s\n${IMPORTS}setInterval(() => {}, 9);\n${PASSES}`, /was killed after 1 s/],
  [
    "leaves a process",
    `${SPAWN}spawn("sleep", ["99"], { detached: true, stdio: "ignore" }).unref();\n${PASSES}`,
    /sleep 99/,
  ],
  [
    "leaves a process that holds its output",
    `${SPAWN}spawn("sleep", ["98"], { stdio: "inherit" }).unref();\n${PASSES}`,
    /sleep 98/,
  ],
  [
    "leaves a temporary file",
    `import { mkdtempSync } from "node:fs";\nimport { tmpdir } from "node:os";\nmkdtempSync(tmpdir() + "/left-");\n${PASSES}`,
    /left behind file .*\/left-/,
  ],
  [
    "leaves a socket",
    `import { createServer } from "node:net";\nimport { tmpdir } from "node:os";\nprocess.on("exit", () => process.kill(process.pid, "SIGKILL"));\nawait new Promise((listening) => createServer().unref().listen(tmpdir() + "/left.socket", listening));\n${PASSES}`,
    /left behind file .*\/left\.socket/,
  ],
  [
    "leaves a ring",
    `import { mkdirSync } from "node:fs";\nmkdirSync(process.env.MILLRACE_DIR + "/frames");\n${PASSES}`,
    /left behind file \/dev\/shm\/.*\/frames/,
  ],
];

for (const [name, text, complaint] of BAD) {
  test(`fails a file that ${name}`, () => {
    // imports may stand anywhere in a module
    const { status, output } = runOn({ "test/a.test.ts": text }, "--runtime", "bun");
    assert.match(output, complaint);
    assert.match(output, /\n\d passed, [12] failed\n$/);
    assert.is(status, 1);
  });
}

const FFI = join(projectRoot, "src/ffi");
const IMPORT_FFI = `import { O_CREAT } from "${FFI}/abi/current.ts";\nimport { mqClose, mqOpen } from "${FFI}/mq.ts";\n`;
const NAME = `mr-left-${process.pid}`;
const KEY = uniqueKey();
const CREATE = `import { IPC_CREAT, msgget, semget, shmget } from "${FFI}/mod.ts";\n`;
const ofKey = (kind: string) => new RegExp(`${kind} \\d+ \\(key ${KEY}\\)`);
const named = (text: string) => new RegExp(`${text}\\b`);
/** Each kind of object that outlives its process: what makes one, how it is named, and what removes it. */
const LEFT: [kind: string, text: string, named: RegExp, remove: () => void][] = [
  [
    "System V queue",
    `${CREATE}msgget(${KEY}, IPC_CREAT | 0o600);`,
    ofKey("SysV message queue"),
    () => msgctlRemove(msgget(KEY, 0)),
  ],
  [
    "System V segment",
    `${CREATE}shmget(${KEY}, 99, IPC_CREAT | 0o600);`,
    ofKey("SysV segment"),
    () => shmctlRemove(shmget(KEY, 0, 0)),
  ],
  [
    "System V array",
    `${CREATE}semget(${KEY}, 2, IPC_CREAT | 0o600);`,
    ofKey("SysV semaphore array"),
    () => semctlRemove(semget(KEY, 0, 0)),
  ],
  [
    "shared memory object",
    `${WRITE}("/dev/shm/${NAME}", "");`,
    named(`/dev/shm/${NAME}`),
    () => rmSync(`/dev/shm/${NAME}`),
  ],
  [
    "POSIX semaphore",
    `${WRITE}("/dev/shm/sem.${NAME}", "");`,
    named(`sem.${NAME}`),
    () => rmSync(`/dev/shm/sem.${NAME}`),
  ],
  [
    "POSIX queue",
    `${IMPORT_FFI}mqClose(mqOpen("/${NAME}", O_CREAT, 0o600, { maxmsg: 1, msgsize: 64 }));`,
    named(`POSIX queue /${NAME}`),
    () => mqUnlink(`/${NAME}`),
  ],
];

for (const [kind, text, names, remove] of LEFT) {
  test(`fails a file that leaves a ${kind} behind, and names it`, () => {
    if (kind === "POSIX queue" && !isRoot() && !existsSync("/dev/mqueue")) return skip("needs root, to see the queues");
    const { output, status } = runOn({ "test/leaks.test.ts": `${text}\n${PASSES}` }, "--runtime", "bun");
    remove();
    // others may leave something at the same time
    const lines = output.split("\n").filter((line) => /left behind by .*leaks\.test\.ts on bun: /.test(line));
    assert.ok(
      lines.some((line) => names.test(line)),
      output,
    );
    assert.is(status, 1);
  });
}

test("does not hold against a file what a program outside of the tests holds", () => {
  // a program that the fixture cannot be charged with: it carries no mark, and outlives the fixture
  using tree = scratchTree({ "package.json": '{ "dependencies": { "uvu": "*" } }' });
  const name = `/dev/shm/mr-held-${process.pid}`;
  const hold = `exec 9>${name}; echo; sleep 99`;
  tree.write(
    "test/a.test.ts",
    `${SPAWN}import { once } from "node:events";
const other = spawn("bash", ["-c", ${JSON.stringify(hold)}], { env: { PATH: process.env.PATH }, detached: true, stdio: ["ignore", "pipe", "ignore"] });
await once(other.stdout, "data");
console.log("holder", other.pid);
other.unref();
other.stdout.destroy();
${PASSES}test.run();
throw new Error("shows the output");
`,
  );
  const { output } = tree.run("test", "--folder", join(tree.path, "test"), "--runtime", "bun");
  const holder = Number(/holder (\d+)/.exec(output)?.[1]);
  process.kill(-holder, "SIGKILL");
  spawnSync("rm", [name]);
  assert.not.match(output, /mr-held/);
});

test("ends what is under way, and leaves nothing, when it is interrupted itself", async () => {
  using tree = scratchTree({});
  const started = join(tree.path, "started");
  const text = `import { writeFileSync } from "node:fs";\nwriteFileSync(${JSON.stringify(started)}, process.pid + "\\n" + process.env.TMPDIR);\nsetInterval(() => {}, 9);\n`;
  tree.write("test/a.test.ts", text);
  const runner = tree.start("test", "--folder", join(tree.path, "test"), "--runtime", "bun");
  const status = new Promise((resolve) => runner.on("exit", resolve));
  while (!existsSync(started) || readFileSync(started, "utf8") === "") await sleep(10);
  const [pid, folder = ""] = readFileSync(started, "utf8").split("\n");
  runner.kill("SIGINT");
  assert.is(await status, 1);
  assert.not.ok(existsSync(`/proc/${pid}`));
  assert.not.ok(existsSync(folder));
});

test("reads headers", () => {
  const read = (text: string) => readHeader("test/a.test.ts", text);
  assert.equal(read("import 1"), {
    runtimes: ["bun", "node20", "node26", "deno"],
    reason: "",
    timeout: 120_000,
    serial: false,
  });
  assert.equal(read("// timeout: 240s\n// serial\n// runtimes: deno, bun - why - so\n"), {
    runtimes: ["bun", "deno"],
    reason: "why - so",
    timeout: 240_000,
    serial: true,
  });
  assert.equal(readHeader("test/ffi/a.test.ts", "").runtimes, ["bun", "node20", "node26", "node26-ffi", "deno"]);
  assert.equal(read("// runtimes: bun node20 node26 node26-ffi deno\n").runtimes.length, 5);
  assert.is(read("import 1;\n// serial\n").serial, false);
  assert.throws(() => read("// runtimes: bun\n"), /leaves runtimes out and must say why/);
  assert.throws(() => read("// runtimes: bun node18 - x\n"), /unknown runtime "node18"/);
  assert.throws(() => read("// timeout: 2m\n"), /"2m", but must be like "120s"/);
});

test("reads uvu's summary", () => {
  const summary = (total: number, passed: number, skipped = 0) =>
    `  Total:     ${total}\n  Passed:    ${passed}\n  Skipped:   ${skipped}\n  Duration:  1ms\n`;
  assert.equal(readSummary(summary(3, 3), ""), { passed: 3, failed: 0, skips: [], problems: [] });
  assert.equal(readSummary(` FAIL \n${summary(3, 1)}`, "ended with status 1"), {
    passed: 1,
    failed: 2,
    skips: [],
    problems: [],
  });
  assert.equal(readSummary(summary(3, 3) + summary(1, 1), "").passed, 4);
  assert.equal(readSummary(summary(1, 1), "ended with SIGSEGV").problems, ["ended with SIGSEGV"]);
  assert.equal(readSummary(` FAIL \n${summary(2, 1)}`, "ended with SIGSEGV").problems, ["ended with SIGSEGV"]);
  assert.match(readSummary(summary(2, 1), "").problems[0] ?? "", /a before or after hook threw/);
  assert.equal(readSummary("", "").problems, ["ran no test"]);
});

test.run();
