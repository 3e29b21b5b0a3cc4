import { readdirSync, readFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { openDescriptors } from "./support/leak-check.ts";

const MODULES = ["../src/mod.ts", "../src/ffi/mod.ts", "../src/ring/mod.ts", "../src/memory/mod.ts"];
const before = { descriptors: openDescriptors(), mapped: mappedFiles(), threads: namedThreads() };
const milliseconds = await timeImports();

test("importing opens no descriptor", () => {
  assert.equal(openDescriptors(), before.descriptors);
});

test("importing maps no library, and no shared memory", () => {
  assert.equal(mappedFiles(), before.mapped);
});

test("importing makes no file", () => {
  assert.equal(readdirSync(process.env.MILLRACE_DIR ?? "", { recursive: true }), []);
});

test("importing starts no worker", () => {
  assert.equal(namedThreads(), before.threads);
});

console.log(`Imported ${MODULES.length} modules in ${milliseconds.toFixed(1)} ms`);
test.run();

async function timeImports(): Promise<number> {
  const extension = import.meta.url.endsWith(".js") ? ".js" : ".ts";
  const started = performance.now();
  for (const name of MODULES) await import(name.replace(".ts", extension));
  return performance.now() - started;
}

/** The libraries and shared objects in this process. */
function mappedFiles(): string[] {
  const files = readFileSync("/proc/self/maps", "utf8").match(
    /\S+\.(so[.\d]*|node)$|\/dev\/shm\/\S*|\/memfd:\S*|\/SYSV\S*/gm,
  );
  return [...new Set(files)].sort();
}

/** The threads that a runtime starts for a worker; the ones of its own collector and pool come and go. */
function namedThreads(): string[] {
  const names: string[] = [];
  for (const id of readdirSync("/proc/self/task"))
    names.push(readFileSync(`/proc/self/task/${id}/comm`, "utf8").trim());
  return names.filter((name) => /worker/i.test(name) && !/v8|heap|jit|pool/i.test(name)).sort();
}
