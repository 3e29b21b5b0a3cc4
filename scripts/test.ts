/**
 * `npm test -- [--runtime bun,node20,node26,node26-ffi,deno] [--jobs N] [--verbose] [FILTER...]` runs the test files whose
 * path contains a FILTER, each in its own process, on each runtime.
 *
 * A file's first comments may say `// runtimes: bun node26 - the reason`, `// timeout: 120s` or `// serial` (run alone).
 * A file fails when a test fails, when no test ran, when it takes too long, and when it leaves a process, a file or an IPC
 * object behind. What failed is named once more at the end. The last line is `N passed, N failed`, counted in tests; the
 * exit status is 1 when one failed.
 */
import { spawnSync } from "node:child_process";
import { parseArgs } from "node:util";
import { projectRoot } from "../test/support/project-root.ts";
import { RUNTIME_NAMES, runsBuilt } from "../test/support/runtimes.ts";
import { LeakWatch } from "./test-runner/leak-watch.ts";
import { type Job, planJobs } from "./test-runner/plan.ts";
import { endAll } from "./test-runner/run-isolated.ts";
import { type JobResult, runJob } from "./test-runner/run-job.ts";
import { failedTests } from "./test-runner/summary.ts";

process.chdir(projectRoot);
const { values: options, positionals: filters } = readArguments();
const wanted = options.runtime.flatMap((names) => names.split(","));
for (const name of wanted) {
  if (!RUNTIME_NAMES.some((known) => known === name))
    fail(`Unknown runtime "${name}", not one of ${RUNTIME_NAMES.join(", ")}`);
}
const jobLimit = Number(options.jobs);
if (!Number.isInteger(jobLimit) || jobLimit < 1) fail(`--jobs is "${options.jobs}", but must be a number from 1`);

const runtimes = RUNTIME_NAMES.filter((name) => wanted.length === 0 || wanted.includes(name));
const { jobs, skips } = planJobs(options.folder, runtimes, filters);
const durations: { name: string; seconds: number }[] = [];
const totals = { passed: 0, failed: 0, skipped: 0 };
const failures: string[] = [];
// A test of the project may start any other runtime, whichever it runs on itself
const needsBuild = jobs.some((job) => runsBuilt(job.runtime) || options.folder === "test");
const isBuilt = !needsBuild || build();
const runnable = jobs.filter((job) => isBuilt || !runsBuilt(job.runtime));
const parallel = runnable.filter((job) => !job.serial);
const serial = runnable.filter((job) => job.serial);
const watch = new LeakWatch();
const started = performance.now();
let interruptedBy: NodeJS.Signals | undefined;
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => {
    interruptedBy = signal;
    endAll();
  });
}
await Promise.all(Array.from({ length: jobLimit }, () => work(parallel)));
await work(serial);

process.stdout.write("\n");
if (interruptedBy !== undefined) fail(`Interrupted by ${interruptedBy}`);
if (!isBuilt) console.error("The build failed, so nothing ran on Node 20 and node26");
for (const line of skips) console.log(`skipped ${line}`);
if (jobs.length === 0) fail(`No test file matches ${filters.join(" ")}`);
const slowest = durations.toSorted((a, b) => b.seconds - a.seconds).slice(0, 10);
console.log(`Slowest: ${slowest.map(({ name, seconds }) => `${name} ${seconds} s`).join(", ")}`);
for (const failure of failures) console.log(`failed: ${failure}`);
console.log(`${runnable.length} runs in ${Math.round((performance.now() - started) / 1000)} s`);
console.log(
  `${totals.passed} passed, ${totals.failed} failed${totals.skipped > 0 ? `, ${totals.skipped} skipped` : ""}`,
);
process.exit(totals.failed > 0 ? 1 : 0);

async function work(queue: Job[]): Promise<void> {
  for (let job = queue.shift(); job !== undefined && interruptedBy === undefined; job = queue.shift()) {
    const name = `${job.file} on ${job.runtime}`;
    watch.start(name);
    const result = await runJob(job);
    const leaks = await watch.end(name);
    if (interruptedBy === undefined) report(name, result, leaks);
  }
}

function report(name: string, { passed, failed, skips, problems, output, duration }: JobResult, leaks: string[]): void {
  durations.push({ name, seconds: Math.round(duration / 1000) });
  totals.passed += passed;
  totals.failed += failed + (problems.length > 0 ? 1 : 0) + leaks.length;
  totals.skipped += skips.length;
  const good = failed + problems.length + leaks.length === 0;
  if (!good) {
    console.log(`\n--- ${name} failed ---`);
    if (failed + problems.length > 0) console.log(output.trimEnd());
    for (const problem of [...problems, ...leaks]) console.log(`${name}: ${problem}`);
    failures.push(...[...failedTests(output), ...problems, ...leaks].map((what) => `${name}: ${what}`));
  } else if (options.verbose) {
    console.log(`${name}: ${passed} passed in ${Math.round(duration)} ms`);
  } else {
    process.stdout.write(".");
  }
  for (const reason of skips) console.log(`\nskipped in ${name}: ${reason}`);
}

function readArguments() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        runtime: { type: "string", multiple: true, default: [] },
        jobs: { type: "string", default: "4" },
        verbose: { type: "boolean", default: false },
        folder: { type: "string", default: "test" },
      },
    });
  } catch (error) {
    return fail((error as Error).message);
  }
}

/** Builds what Node runs; a build that fails counts as one failed test, and the other runtimes go on. */
function build(): boolean {
  const { status } = spawnSync(process.execPath, ["scripts/build.ts", "--js"], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  if (status === 0) return true;
  totals.failed++;
  return false;
}

function fail(message: string): never {
  console.error(message);
  process.exit(1);
}
