import { spawn, spawnSync } from "node:child_process";
import { join } from "node:path";
import { type NativePeer, watchChild } from "./native-peer.ts";
import { compileNative } from "./native-program.ts";
import { projectRoot } from "./project-root.ts";

/** The languages in which there is another end of a ring: `test/native/ring-peer.c` and `test/native/ring-peer.py`. */
export type Language = "c" | "python";

/** Starts the program with a verb, and what else it takes. */
export type ForeignPeer = (
  verb: string,
  args: readonly (string | number)[],
  env?: Readonly<Record<string, string>>,
) => NativePeer;

/** @returns `undefined` when the machine has no such language */
export function foreignPeer(language: Language): ForeignPeer | undefined {
  if (language === "c") {
    const program = compileNative("ring-peer");
    return (verb, args, env) => start(program, [verb, ...args], env);
  }
  if (spawnSync("python3", ["-c", "import sys; sys.exit(sys.version_info < (3, 9))"]).status !== 0) return undefined;
  const script = join(projectRoot, "test", "native", "ring-peer.py");
  return (verb, args, env) => start("python3", [script, verb, ...args], env);
}

function start(command: string, args: readonly (string | number)[], env: Readonly<Record<string, string>> = {}) {
  return watchChild(
    spawn(command, args.map(String), { stdio: ["ignore", "pipe", "inherit"], env: { ...process.env, ...env } }),
  );
}
