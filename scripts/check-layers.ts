/**
 * `bun scripts/check-layers.ts [ROOT]` checks who imports whom under `src`:
 *
 * 1. imports go down only, and modules of one level do not import each other
 * 2. adapters never import each other
 * 3. `src/ring` imports nothing but itself and the lowest level
 * 4. only `src/ffi/backend` imports a way to call C, and names a runtime's own globals (`src/runtime.ts` detects them)
 * 5. packages are imported by `src/cli` alone, whose build carries them along
 * 6. no `using`: the source runs unbuilt on Node 22.18, which does not know it
 */
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { importsOf, withoutStrings } from "./source-text.ts";

/** The level of each file or folder directly under `src`, lowest first. */
const LEVELS: Record<string, number> = {
  "errors.ts": 0,
  "runtime.ts": 0,
  "error-table.ts": 1,
  wait: 1,
  ffi: 1,
  ring: 1,
  objects: 2,
  memory: 3,
  sync: 4,
  ipc: 5,
  process: 6,
  wasm: 6,
  "mod.ts": 7,
  cli: 8,
};
const LOWEST = 0;
const FOREIGN_FUNCTIONS = new Set(["bun:ffi", "koffi", "node:ffi"]);

const root = resolve(process.argv[2] ?? join(import.meta.dirname, ".."));
const problems: string[] = [];
const files = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" }).filter((name) =>
  name.endsWith(".ts"),
);
for (const file of files.sort()) checkFile(file, readFileSync(join(root, "src", file), "utf8"));

for (const problem of problems) console.error(problem);
console.log(`Layers: ${files.length} files, ${problems.length} problems`);
process.exitCode = problems.length > 0 ? 1 : 0;

/** @param file relative to `src` */
function checkFile(file: string, text: string): void {
  const from = moduleOf(file);
  const level = LEVELS[from];
  if (level === undefined) {
    problems.push(`src/${file}: "${from}" has no level; add it to LEVELS in scripts/check-layers.ts`);
    return;
  }
  const isBackend = file.startsWith("ffi/backend/");
  for (const { specifier, line } of importsOf(text)) {
    const report = (why: string) => problems.push(`src/${file}:${line}: imports "${specifier}", but ${why}`);
    if (specifier.startsWith(".")) {
      const target = join("/src", file, "..", specifier).replace(/^\/src\//, "");
      checkRelative({ file, from, level }, target, report);
    } else if (FOREIGN_FUNCTIONS.has(specifier)) {
      if (!isBackend) report("only src/ffi/backend may");
    } else if (from === "ring") {
      report("src/ring imports nothing but itself and the lowest level");
    } else if (!specifier.startsWith("node:") && level < (LEVELS.cli ?? 0)) {
      report("only src/cli may import a package");
    }
  }
  const code = withoutStrings(text);
  for (const { index } of code.matchAll(/^[ \t]*(?:await[ \t]+)?using[ \t]+[\w$]+\s*=/gm)) {
    problems.push(`src/${file}:${lineOf(code, index)}: says \`using\`, which Node 22 does not know: call close()`);
  }
  if (isBackend || file === "runtime.ts") return;
  for (const { 0: name, index } of code.matchAll(/\b(Deno|Bun)\b/g)) {
    problems.push(`src/${file}:${lineOf(code, index)}: names ${name}, but only src/ffi/backend and src/runtime.ts may`);
  }
}

function checkRelative(
  source: { file: string; from: string; level: number },
  target: string,
  report: (why: string) => void,
) {
  const to = moduleOf(target);
  const targetLevel = LEVELS[to];
  if (target === "/package.json" && source.from === "cli") return;
  if (target.startsWith("/")) return report("that is outside of src");
  if (to === source.from) {
    const [own, other] = [adapterOf(source.file), adapterOf(target)];
    if (own !== undefined && other !== undefined && own !== other) report("adapters never import each other");
    return;
  }
  if (targetLevel === undefined) return report(`"${to}" has no level`);
  if (source.from === "ring" && targetLevel > LOWEST)
    return report("src/ring imports nothing but itself and the lowest level");
  if (targetLevel < source.level) return;
  if (targetLevel === LOWEST && source.level === LOWEST) return;
  report(`${source.from} (level ${source.level}) may import lower levels only, and ${to} is level ${targetLevel}`);
}

function lineOf(text: string, index: number): number {
  return text.slice(0, index).split("\n").length;
}

/** The file or folder directly under `src` that a path belongs to. */
function moduleOf(file: string): string {
  return file.split("/")[0] ?? file;
}

/** `pipe` for `ipc/adapters/pipe.ts` and for `ipc/adapters/pipe/frame.ts`. */
function adapterOf(file: string): string | undefined {
  return /^ipc\/adapters\/([^/]+?)(?:\.ts|\/.*)$/.exec(file)?.[1];
}
