/**
 * `bun scripts/check-docs.ts [ROOT] [FILE...]` takes every ` ```ts ` block from `README.md`, `docs/*.md` and the doc comments under `src`,
 * or of these files only (those of a ROOT are relative to it),
 * checks its types against the source, and runs it on Bun, each in a process and folders of its own. `import … from "millrace"`
 * means the source, and a relative import is relative to the file that the block stands in. A block that ends in `// Output:`
 * lines must print them. ` ```ts no-run REASON ` is checked but not run.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { commandFor } from "../test/support/runtimes.ts";
import { blocksOfMarkdown, blocksOfSource, type DocBlock } from "./doc-blocks.ts";
import { compareOutput, expectedOutput } from "./output-pattern.ts";
import { runIsolated } from "./test-runner/run-isolated.ts";

const TIMEOUT = 30_000;

const project = resolve(import.meta.dirname, "..");
const { root, files: named } = readArguments(process.argv.slice(2));
const problems: string[] = [];
const blocks = collectBlocks();
// inside the project, so that its packages and the paths of its tsconfig.json are found
const folder = join(project, "build", `docs-${process.pid}`);
mkdirSync(folder, { recursive: true });
try {
  const files = new Map(blocks.map((block, index) => [join(folder, `block-${index}.ts`), block]));
  for (const [file, block] of files) writeFileSync(file, `${withAbsoluteImports(block)}\n`);
  await checkTypes(files);
  const queue = [...files].filter(([, block]) => block.noRun === undefined);
  await Promise.all([runAll(queue), runAll(queue)]);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

for (const problem of problems) console.error(problem);
for (const { file, line, noRun } of blocks) if (noRun !== undefined) console.log(`not run: ${file}:${line}: ${noRun}`);
console.log(`Docs: ${blocks.length} blocks, ${problems.length} problems`);
process.exitCode = problems.length > 0 ? 1 : 0;

/** A folder is the root; the rest are files. */
function readArguments(given: readonly string[]): { root: string; files: string[] } {
  const [first] = given;
  const hasRoot = first !== undefined && statSync(first, { throwIfNoEntry: false })?.isDirectory() === true;
  const root = hasRoot ? resolve(first) : project;
  const files = given.slice(hasRoot ? 1 : 0).map((file) => (hasRoot ? resolve(root, file) : resolve(file)));
  for (const file of files) {
    const fits = /\.(md|ts)$/.test(file) && statSync(file, { throwIfNoEntry: false })?.isFile();
    if (fits) continue;
    console.error(`Cannot check ${file}: it is no file that ends in .md or .ts`);
    process.exit(1);
  }
  return { root, files };
}

function collectBlocks(): DocBlock[] {
  const all: DocBlock[] = [];
  for (const path of documents()) {
    const name = relative(root, path);
    const text = readFileSync(path, "utf8");
    const found = path.endsWith(".md") ? blocksOfMarkdown(name, text) : blocksOfSource(name, text);
    all.push(...found.blocks);
    problems.push(...found.problems);
  }
  return all;
}

function documents(): string[] {
  if (named.length > 0) return [...new Set(named)];
  const list = (name: string, recursive: boolean) =>
    existsSync(join(root, name))
      ? readdirSync(join(root, name), { recursive, encoding: "utf8" }).map((file) => join(root, name, file))
      : [];
  return [
    ...[join(root, "README.md"), join(root, "CONTRIBUTING.md")].filter((file) => existsSync(file)),
    ...list("docs", true).filter((file) => file.endsWith(".md")),
    ...list("src", true).filter((file) => file.endsWith(".ts")),
  ].sort();
}

function withAbsoluteImports({ file, code }: DocBlock): string {
  return code.replace(
    /(\b(?:from|import) ?\(?)"(\.[^"]+)"/g,
    (_, before, path) => `${before}"${resolve(root, file, "..", path)}"`,
  );
}

/** Checks all blocks in one run of the compiler, and puts what it says in the terms of the documents. */
async function checkTypes(files: ReadonlyMap<string, DocBlock>): Promise<void> {
  if (files.size === 0) return;
  const config = { extends: "../../tsconfig.json", compilerOptions: { noUnusedLocals: false }, include: ["*.ts"] };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config));
  const compiler = commandFor("bun", "node_modules/typescript/bin/tsc", ["--pretty", "false", "-p", folder]);
  const { output, ending } = await runIsolated(compiler, TIMEOUT);
  if (ending === "") return;
  const before = problems.length;
  for (const line of output.split("\n")) {
    const [, path = "", row = "", message = ""] = /^(.*block-\d+\.ts)\((\d+),\d+\): (.*)$/.exec(line) ?? [];
    const block = files.get(resolve(project, path));
    if (block !== undefined) problems.push(`${block.file}:${block.line + Number(row)}: ${message}`);
  }
  if (problems.length === before) problems.push(`The types of the blocks cannot be checked: ${output}`);
}

async function runAll(queue: [path: string, block: DocBlock][]): Promise<void> {
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    const [path, { file, line, code }] = next;
    const { stdout, output, ending, leftovers } = await runIsolated(commandFor("bun", path), TIMEOUT);
    const expected = expectedOutput(code);
    const difference = ending === "" && expected !== undefined ? compareOutput(stdout, expected) : undefined;
    if (ending !== "") problems.push(`${file}:${line}: the block ${ending}\n${output}`);
    if (difference !== undefined) problems.push(`${file}:${line}: the block ${difference}`);
    if (leftovers.length > 0) problems.push(`${file}:${line}: the block left behind ${leftovers.join(", ")}`);
  }
}
