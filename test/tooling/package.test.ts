// runtimes: bun - starts the other runtimes by itself
// timeout: 180s
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { projectRoot } from "../support/project-root.ts";
import { commandFor, type RuntimeName } from "../support/runtimes.ts";

const RUNTIMES: RuntimeName[] = ["bun", "node20", "node26", "node26-ffi", "deno"];

/** Sends through the ring to itself, as a user's first script might. */
const SCRIPT = `
import { Channel } from "millrace";

const sender = await Channel.sender("ring:package-smoke");
const receiver = await Channel.receiver("ring:package-smoke");
await sender.send(new TextEncoder().encode("through the package"));
await sender.close();
for await (const message of receiver) console.log(new TextDecoder().decode(message));
await receiver.close();
`;

const folder = mkdtempSync(join(tmpdir(), "package-"));
const installed = join(folder, "node_modules", "millrace");

run(commandFor("bun", "scripts/build.ts"));
run(npm(["pack", "--ignore-scripts", "--pack-destination", folder], projectRoot));
const archive = readdirSync(folder).find((name) => name.endsWith(".tgz"));
writeFileSync(join(folder, "package.json"), '{ "name": "empty", "private": true, "type": "module" }\n');
run(npm(["install", "--prefer-offline", "--no-audit", "--no-fund", `./${archive}`], folder));
writeFileSync(join(folder, "first.js"), SCRIPT);

test.after(() => {
  rmSync(folder, { recursive: true });
});

test("carries the source, the build, the types and the licence, and nothing else", () => {
  assert.equal(
    readdirSync(installed)
      .filter((name) => name !== "README.md")
      .sort(),
    ["LICENSE", "dist", "include", "package.json", "src"],
  );
});

test("brings koffi and no other package", () => {
  const packages = readdirSync(join(folder, "node_modules")).filter((name) => !name.startsWith("."));
  assert.equal(packages.sort(), ["@koromix", "koffi", "millrace"]);
});

for (const runtime of RUNTIMES) {
  test(`sends a message on ${runtime}`, () => {
    assert.is(run(commandFor(runtime, join(folder, "first.js"))), "through the package\n");
  });
}

test("installs a command that runs", () => {
  const command = join(folder, "node_modules", ".bin", "millrace");
  assert.ok(existsSync(command));
  assert.match(run({ command, args: ["--help"] }), /demo/);
});

test("has declarations that a strict project compiles with", () => {
  const typed = join(folder, "typed");
  mkdirSync(typed);
  const compilerOptions = {
    module: "nodenext",
    target: "es2024",
    lib: ["es2024", "esnext.disposable"],
    strict: true,
    noEmit: true,
    typeRoots: [join(projectRoot, "node_modules", "@types")],
    types: ["node"],
  };
  writeFileSync(join(typed, "tsconfig.json"), JSON.stringify({ compilerOptions }));
  writeFileSync(join(typed, "first.ts"), SCRIPT.replace("const sender", "const sender: Channel"));
  assert.is(run(commandFor("bun", "node_modules/typescript/bin/tsc", ["--pretty", "false", "-p", typed])), "");
});

test.run();

/** npm as a user has it, and not as it is within `npm test`, which puts the project's own `node` and settings before it. */
function npm(args: string[], cwd: string) {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name)));
  const path = (env.PATH ?? "").split(delimiter).filter((entry) => !entry.includes("node_modules"));
  return { command: "npm", args, cwd, env: { ...env, PATH: path.join(delimiter) } };
}

function run(program: {
  command: string;
  args: string[];
  cwd?: string;
  env?: Record<string, string | undefined>;
}): string {
  const { command, args, cwd = folder, env } = program;
  const { status, stdout, stderr } = spawnSync(command, args, {
    cwd,
    env: { ...process.env, ...env },
    encoding: "utf8",
  });
  assert.is(status, 0, `${command} ${args.join(" ")}:\n${stdout}${stderr}`);
  return stdout;
}
