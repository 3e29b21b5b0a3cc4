import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { recommendedLibrary } from "../../src/ffi/recommended.ts";
import { projectRoot } from "../support/project-root.ts";
import { currentRuntime } from "../support/runtimes.ts";

const runtime = currentRuntime();
const onNode = runtime.startsWith("node");

if (onNode)
  test("MILLRACE_FFI with another value than koffi and node:ffi is refused", () => {
    const before = process.env.MILLRACE_FFI;
    process.env.MILLRACE_FFI = "ffi-napi";
    assert.throws(() => recommendedLibrary(), /MILLRACE_FFI is "ffi-napi"/);
    process.env.MILLRACE_FFI = before;
  });

test("importing the call groups opens nothing", () => {
  const { stdout, stderr } = runAlone('import "./src/ffi/mod.ts";\nconsole.log("imported");\n', {
    MILLRACE_FFI: "ffi-napi",
  });
  assert.is(stdout.trim(), "imported", stderr);
});

if (onNode)
  test("without koffi, Node takes what is built in, or says what to do", () => {
    const program = `import { recommendedLibrary } from "./src/ffi/recommended.ts";
try {
  console.log(recommendedLibrary().name);
} catch (error) {
  console.log(error.code, error.message, error.cause.errors.length);
}
`;
    const { stdout, stderr } = runAlone(program, { MILLRACE_FFI: "" });
    if (runtime === "node20")
      assert.match(stdout, /^IPC_UNSUPPORTED Cannot call C from Node 20.*npm install koffi.* 2$/m, stderr);
    else assert.is(stdout.trim(), "node:ffi", stderr);
  });

if (runtime === "deno")
  test("without --allow-ffi, Deno's own error says so", () => {
    const program = `import { recommendedLibrary } from "./src/ffi/recommended.ts";
try {
  recommendedLibrary();
} catch (error) {
  console.log(error.name, error.message);
}
`;
    const { stdout, stderr } = runAlone(program, {}, ["--allow-env", "--allow-read"]);
    assert.match(stdout, /^NotCapable .*--allow-ffi/, stderr);
  });

/** Runs a program beside a copy of the sources, where no package can be found. */
function runAlone(program: string, env: Record<string, string>, permissions = ["-A"]) {
  const built = import.meta.url.endsWith(".js");
  const folder = mkdtempSync(join(tmpdir(), "alone-"));
  try {
    const sources = built ? join(projectRoot, "build/src") : join(projectRoot, "src");
    for (const name of ["ffi", built ? "errors.js" : "errors.ts", built ? "runtime.js" : "runtime.ts"]) {
      cpSync(join(sources, name), join(folder, "src", name), { recursive: true });
    }
    writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
    const file = join(folder, built ? "program.js" : "program.ts");
    writeFileSync(file, built ? program.replaceAll(".ts", ".js") : program);
    const flags =
      runtime === "deno" ? ["run", ...permissions, "--quiet", "--no-lock"] : runtime === "bun" ? [] : ["--no-warnings"];
    return spawnSync(process.execPath, [...flags, file], { encoding: "utf8", env: { ...process.env, ...env } });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test.run();
