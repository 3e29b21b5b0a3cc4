import { join, relative, resolve } from "node:path";
import { projectRoot } from "./project-root.ts";

/** The runtimes that tests run on, in the order in which they are tried. */
export const RUNTIME_NAMES = ["bun", "node20", "node26", "node26-ffi", "deno"] as const;

/** `node26` calls C through koffi, `node26-ffi` through the built-in `node:ffi` and runs the source as it is. */
export type RuntimeName = (typeof RUNTIME_NAMES)[number];

export interface RuntimeCommand {
  command: string;
  args: string[];
  env: Record<string, string>;
}

/**
 * How to run a TypeScript file on a runtime from the development dependencies.
 *
 * @param file relative to the project's folder, such as `test/support/writer.ts`. Node 20 and `node26` run what `npm run build`
 *   made of it, of `src` what npm users get; a file outside of the project is run as it is
 */
export function commandFor(runtime: RuntimeName, file: string, args: readonly string[] = []): RuntimeCommand {
  const [command, flags, env] = COMMANDS[runtime];
  const path = resolve(projectRoot, runsBuilt(runtime) ? builtFile(file) : file);
  return { command: join(projectRoot, command), args: [...flags, path, ...args], env };
}

/** The runtime that runs this process, as the runner named it, or by what it is when started by hand. */
export function currentRuntime(): RuntimeName {
  const named = RUNTIME_NAMES.find((name) => name === process.env.MILLRACE_TEST_RUNTIME);
  if (named !== undefined) return named;
  if (process.versions.bun !== undefined) return "bun";
  if ("Deno" in globalThis) return "deno";
  if (process.versions.node.startsWith("20.")) return "node20";
  return process.env.MILLRACE_FFI === "node:ffi" ? "node26-ffi" : "node26";
}

/** Whether a runtime runs what was built; the others run the source. */
export function runsBuilt(runtime: RuntimeName): boolean {
  return runtime === "node20" || runtime === "node26";
}

function builtFile(file: string): string {
  const inProject = relative(projectRoot, resolve(projectRoot, file));
  if (inProject.startsWith("..")) return file;
  const built = inProject.startsWith("src/") ? inProject.replace("src/", "dist/") : join("build", inProject);
  return built.replace(/\.ts$/, ".js");
}

const NODE26_FLAGS = ["--disable-warning=ExperimentalWarning"];

const COMMANDS: Record<RuntimeName, [command: string, flags: string[], env: Record<string, string>]> = {
  bun: ["node_modules/.bin/bun", [], {}],
  node20: ["node_modules/node20/bin/node", ["--enable-source-maps"], { MILLRACE_FFI: "koffi" }],
  node26: ["node_modules/node26/bin/node", NODE26_FLAGS, { MILLRACE_FFI: "koffi" }],
  "node26-ffi": ["node_modules/node26/bin/node", NODE26_FLAGS, { MILLRACE_FFI: "node:ffi" }],
  deno: ["node_modules/.bin/deno", ["run", "-A", "--quiet", "--no-lock"], { DENO_NO_UPDATE_CHECK: "1" }],
};
