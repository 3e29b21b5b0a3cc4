/**
 * `bun scripts/build.ts` makes what Node 20 and npm users run:
 *
 * - `dist/`: every `src/X.ts` as `dist/X.js`, one to one, so that a file finds its siblings by the same relative path;
 *   the command under `dist/cli` carries the packages it needs, everything else imports nothing but millrace and koffi
 * - `dist/bundle/`: what the `exports` of package.json lead to, the same modules put together in few files, which are found and read in a
 *   fraction of the time
 * - `dist/X.d.ts`: the declarations
 * - `build/`: `src`, `test`, `examples` and `bench` again, for running them on Node 20
 *
 * `--js` leaves the declarations out. It does not check types: that is `npm run types`.
 */
import { spawn } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { builtinModules } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, relative, resolve } from "node:path";
import { type BuildOptions, build, type Plugin } from "esbuild";
import { bundledLicenses } from "./bundled-licenses.ts";

const root = resolve(import.meta.dirname, "..");
const { devDependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));

/** Lets `require("events")` of a CommonJS package that is carried along work in an ES module. */
const REQUIRE_BANNER =
  'import { createRequire as createRequireForBundle } from "node:module";\n' +
  "const require = createRequireForBundle(import.meta.url);";

/** Where the modules lie that are put together. All are in one folder, so that they find the others by the same path. */
const BUNDLE = join("dist", "bundle");
/** What is exported: the name of its file there, and its source. */
const EXPORTED = {
  millrace: "src/mod.ts",
  ffi: "src/ffi/mod.ts",
  ring: "src/ring/mod.ts",
  memory: "src/memory/mod.ts",
};

process.chdir(root);
const started = performance.now();
const declarations = process.argv.includes("--js") ? undefined : mkdtempSync(join(tmpdir(), "declarations-"));
const compiled = declarations === undefined ? undefined : emitDeclarations(declarations);
const cli = join("src", "cli");
const library = sourceFiles("src").filter((file) => !file.startsWith(cli));
const command = sourceFiles(cli);
await transpile({
  entryPoints: ["src", "test", "examples", "bench"].flatMap(sourceFiles),
  outdir: "build",
  outbase: ".",
});
await transpile({ entryPoints: library, outdir: "dist", outbase: "src" });
const carried = await transpile(
  { entryPoints: command, outdir: "dist", outbase: "src", banner: { js: REQUIRE_BANNER } },
  true,
);
removeStale("dist", "src", BUNDLE);
await bundle();
for (const folder of ["src", "test", "examples", "bench"]) {
  copyOthers(folder, join("build", folder));
  removeStale(join("build", folder), folder);
}
copyOthers("src", "dist");
if (carried.length > 0) replaceFile("dist/cli/THIRD-PARTY-LICENSES.txt", Buffer.from(bundledLicenses(carried)));
const declarationErrors = await compiled;
if (declarations !== undefined) {
  for (const file of filesUnder(declarations)) importJavaScript(file, join("dist", relative(declarations, file)));
  rmSync(declarations, { recursive: true });
}
if (declarationErrors) {
  console.error(declarationErrors);
  process.exitCode = 1;
}
console.log(`Built dist/ and build/ in ${Math.round(performance.now() - started)} ms`);

/**
 * One output file per entry point. Packages stay imports, unless `carryPackages` bundles the development ones.
 *
 * @returns the files that went in
 */
async function transpile(options: BuildOptions & { entryPoints: string[] }, carryPackages = false): Promise<string[]> {
  if (options.entryPoints.length === 0) return [];
  const { outputFiles, metafile } = await build({
    absWorkingDir: root,
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node20",
    sourcemap: true,
    sourcesContent: false,
    logLevel: "warning",
    plugins: [oneToOne(carryPackages)],
    ...options,
    metafile: true,
    write: false,
  }).catch(() => {
    // esbuild has printed what is wrong
    process.exit(1);
  });
  for (const { path, contents } of outputFiles) replaceFile(path, contents);
  return Object.keys(metafile.inputs);
}

/** Puts what is exported together. What several of them use, and what is imported when it is needed, are files of their own. */
async function bundle(): Promise<void> {
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: EXPORTED,
    outdir: BUNDLE,
    chunkNames: "part-[hash]",
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node20",
    external: ["koffi", "bun:ffi", "node:ffi"],
    minifyWhitespace: true,
    minifySyntax: true,
    sourcemap: true,
    sourcesContent: false,
    logLevel: "warning",
    plugins: [ownPlaces()],
    write: false,
  }).catch(() => process.exit(1));
  for (const { path, contents } of outputFiles) replaceFile(path, contents);
  const made = new Set(outputFiles.map(({ path }) => relative(root, path)));
  for (const file of filesUnder(BUNDLE)) if (!made.has(file) && !/\.\d+$/.test(file)) rmSync(file);
}

/** Leads a module that looks for its siblings to where they are, one to one. */
function ownPlaces(): Plugin {
  return {
    name: "own-places",
    setup({ onLoad }) {
      onLoad({ filter: /\.ts$/ }, ({ path }) => {
        const text = readFileSync(path, "utf8");
        if (!text.includes("import.meta.url")) return undefined;
        const place = relative(BUNDLE, join("dist", relative("src", path))).replace(/\.ts$/, ".js");
        const url = `new URL(${JSON.stringify(place)}, import.meta.url).href`;
        return { contents: text.replaceAll("import.meta.url", url), loader: "ts" };
      });
    },
  };
}

/** Writes a file that differs, whole or not at all, so that a process that imports it meanwhile never sees half of it. */
function replaceFile(path: string, contents: Uint8Array): void {
  if (existsSync(path) && readFileSync(path).equals(contents)) return;
  mkdirSync(dirname(path), { recursive: true });
  const temporary = `${path}.${process.pid}`;
  writeFileSync(temporary, contents, { mode: contents[0] === 0x23 && contents[1] === 0x21 ? 0o755 : 0o644 });
  renameSync(temporary, path);
}

/** Keeps every relative import of our own an import, `.ts` becoming `.js`. */
function oneToOne(carryPackages: boolean): Plugin {
  return {
    name: "one-to-one",
    setup({ onResolve }) {
      onResolve({ filter: /.*/ }, ({ path, kind, importer }) => {
        if (kind === "entry-point" || importer.includes("node_modules")) return undefined;
        if (path.startsWith(".")) return { path: path.replace(/\.ts$/, ".js"), external: true };
        const packageName = path.split("/", path.startsWith("@") ? 2 : 1).join("/");
        const carried = carryPackages && packageName in devDependencies && !builtinModules.includes(path);
        return carried ? undefined : { path, external: true };
      });
    },
  };
}

function sourceFiles(folder: string): string[] {
  return filesUnder(folder).filter((file) => file.endsWith(".ts") && !file.endsWith(".d.ts"));
}

function filesUnder(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

/** Copies what is not TypeScript (C fixtures, wasm cores) to the same place in the output. */
function copyOthers(from: string, to: string): void {
  for (const file of filesUnder(from)) {
    if (file.endsWith(".ts")) continue;
    replaceFile(join(to, relative(from, file)), readFileSync(file));
  }
}

/** Removes outputs whose source is gone. */
function removeStale(outputs: string, sources: string, except?: string): void {
  for (const file of filesUnder(outputs)) {
    if (except !== undefined && file.startsWith(except)) continue;
    if (/\.\d+$/.test(file)) continue; // another build is about to rename it
    const source = join(sources, relative(outputs, file));
    const stem = source.replace(/(\.d\.ts|\.js\.map|\.js)$/, "");
    if (!existsSync(`${stem}.ts`) && !existsSync(source)) rmSync(file);
  }
}

/** The compiler leaves `.ts` in the imports of declarations, which some tools cannot follow. */
function importJavaScript(file: string, output: string): void {
  const text = readFileSync(file, "utf8");
  replaceFile(output, Buffer.from(text.replace(/((?:from|import) ?\(?"\.[^"]*)\.ts"/g, '$1.js"')));
}

/** Runs the TypeScript compiler for the declarations of `src`; resolves to its complaints, if any. */
function emitDeclarations(folder: string): Promise<string> {
  const { promise, resolve: finish } = Promise.withResolvers<string>();
  const tsc = ["node_modules/typescript/bin/tsc", "-p", "tsconfig.build.json", "--outDir", folder];
  const compiler = spawn(process.execPath, tsc, { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  compiler.stdout.setEncoding("utf8").on("data", (text) => {
    output += text;
  });
  compiler.on("close", (code) => finish(code === 0 ? "" : output || `tsc ended with status ${code}`));
  return promise;
}
