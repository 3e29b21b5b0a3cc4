import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { RUNTIME_NAMES, type RuntimeName } from "../../test/support/runtimes.ts";

/** One test file on one runtime. */
export interface Job {
  file: string;
  runtime: RuntimeName;
  /** milliseconds */
  timeout: number;
  /** run alone */
  serial: boolean;
}

export interface Plan {
  jobs: Job[];
  /** one line for each file that does not run everywhere, with its reason */
  skips: string[];
}

export const DEFAULT_TIMEOUT = 120_000;

/** Finds the test files under `folder` whose path contains one of the filters, and reads their headers. */
export function planJobs(folder: string, runtimes: readonly RuntimeName[], filters: readonly string[]): Plan {
  const plan: Plan = { jobs: [], skips: [] };
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".test.ts"))
    .map((name) => join(folder, name))
    .filter((file) => filters.length === 0 || filters.some((filter) => file.includes(filter)))
    .sort();
  for (const file of files) {
    const header = readHeader(file, readFileSync(file, "utf8"));
    for (const runtime of runtimes) {
      if (header.runtimes.includes(runtime)) plan.jobs.push({ file, runtime, ...header });
    }
    const missing = runtimes.filter((name) => !header.runtimes.includes(name) && defaultRuntimes(file).includes(name));
    if (missing.length > 0) plan.skips.push(`${file} on ${missing.join(", ")}: ${header.reason}`);
  }
  return plan;
}

/**
 * Reads the comments at the top of a test file: `// runtimes: bun node26 - the reason`, `// timeout: 120s` and `// serial`.
 *
 * @throws when a header is not understood
 */
export function readHeader(file: string, text: string) {
  const header = { runtimes: defaultRuntimes(file), reason: "", timeout: DEFAULT_TIMEOUT, serial: false };
  for (const line of text.split("\n")) {
    if (!line.startsWith("//")) {
      if (line.trim() === "" || line.startsWith("#!")) continue;
      break;
    }
    const [, key, value = ""] = /^\/\/ *(runtimes|timeout|serial)\b:? *(.*)$/.exec(line) ?? [];
    if (key === "serial") header.serial = true;
    if (key === "timeout") header.timeout = parseTimeout(file, value);
    if (key === "runtimes") Object.assign(header, parseRuntimes(file, value));
  }
  return header;
}

function defaultRuntimes(file: string): RuntimeName[] {
  const callsC = file.includes("test/ffi/");
  return RUNTIME_NAMES.filter((name) => callsC || name !== "node26-ffi");
}

function parseTimeout(file: string, value: string): number {
  const seconds = /^(\d+)s\b/.exec(value)?.[1];
  if (seconds === undefined) throw new Error(`${file}: the timeout is "${value}", but must be like "120s"`);
  return Number(seconds) * 1000;
}

function parseRuntimes(file: string, value: string): { runtimes: RuntimeName[]; reason: string } {
  const [list = "", ...reasons] = value.split(/ [-—–] /);
  const names = list.trim().split(/[\s,]+/);
  const runtimes = RUNTIME_NAMES.filter((name) => names.includes(name));
  const unknown = names.filter((name) => !runtimes.includes(name as RuntimeName));
  if (unknown.length > 0)
    throw new Error(`${file}: unknown runtime "${unknown[0]}", not one of ${RUNTIME_NAMES.join(" ")}`);
  const reason = reasons.join(" - ").trim();
  const left = defaultRuntimes(file).some((name) => !runtimes.includes(name));
  if (left && reason === "")
    throw new Error(`${file}: "// runtimes: ${value}" leaves runtimes out and must say why, after " - "`);
  return { runtimes, reason };
}
