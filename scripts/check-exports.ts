/**
 * `bun scripts/check-exports.ts [ROOT]`, after a build, checks the `exports` of package.json:
 *
 * 1. every entry names files that exist and go into the package
 * 2. every entry can be imported by its public name, on Bun, Node 20, Node 26 and Deno
 * 3. every symbol that it exports, and every member of those, has a doc comment
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative, resolve } from "node:path";
import { commandFor, type RuntimeName } from "../test/support/runtimes.ts";
import { publicSymbols } from "./public-symbols.ts";
import { runIsolated } from "./test-runner/run-isolated.ts";

const RUNTIMES: RuntimeName[] = ["bun", "node20", "node26", "deno"];
const TIMEOUT = 30_000;

interface Manifest {
  name: string;
  exports: Record<string, string | Record<string, string>>;
  files: string[];
}

const root = resolve(process.argv[2] ?? join(import.meta.dirname, ".."));
const manifest: Manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const problems: string[] = [];
const modules: string[] = [];
let symbolCount = 0;

for (const [entry, target] of Object.entries(manifest.exports)) {
  const paths = typeof target === "string" ? { default: target } : target;
  for (const path of Object.values(paths)) checkFile(entry, path);
  if (paths.default?.endsWith(".js")) modules.push(join(manifest.name, entry));
  if (paths.types !== undefined && existsSync(join(root, paths.types))) checkSymbols(entry, join(root, paths.types));
}
await Promise.all(RUNTIMES.map(checkImports));

for (const problem of problems) console.error(problem);
console.log(`Exports: ${modules.length} modules, ${symbolCount} symbols and members, ${problems.length} problems`);
process.exitCode = problems.length > 0 ? 1 : 0;

function checkFile(entry: string, path: string): void {
  if (!existsSync(join(root, path))) problems.push(`exports["${entry}"]: there is no ${path}`);
  const packed = path === "./package.json" || manifest.files.some((folder) => path.startsWith(`./${folder}/`));
  if (!packed) problems.push(`exports["${entry}"]: ${path} is in none of "files", so it would not be in the package`);
}

function checkSymbols(entry: string, declarations: string): void {
  try {
    for (const { name, file, documented } of publicSymbols(declarations)) {
      symbolCount++;
      if (!documented) problems.push(`exports["${entry}"]: ${name} has no doc comment (${relative(root, file)})`);
    }
  } catch (error) {
    problems.push(`exports["${entry}"]: ${(error as Error).message}`);
  }
}

/** Imports every module as a user would, from a project that has the package in its `node_modules`. */
async function checkImports(runtime: RuntimeName): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "millrace-exports-"));
  try {
    mkdirSync(join(folder, "node_modules"));
    symlinkSync(root, join(folder, "node_modules", manifest.name));
    writeFileSync(
      join(folder, "package.json"),
      JSON.stringify({ type: "module", dependencies: { [manifest.name]: "*" } }),
    );
    const script = join(folder, "import.js");
    writeFileSync(script, `for (const name of ${JSON.stringify(modules)}) await import(name);\n`);
    const { output, ending, leftovers } = await runIsolated(commandFor(runtime, script), TIMEOUT);
    if (ending !== "") problems.push(`Importing on ${runtime} ${ending}\n${output}`);
    if (leftovers.length > 0) problems.push(`Importing on ${runtime} left behind ${leftovers.join(", ")}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
