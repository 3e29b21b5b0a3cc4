import { spawn } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";
import { text } from "node:stream/consumers";
import { BUILT } from "./build-for-node.ts";
import type { PartName, PartResult } from "./result.ts";

/** How {@link runPart} runs. */
export interface RunOptions {
  readonly quick: boolean;
  /** Names of contenders or parts of them, with commas between; all without. */
  readonly only?: string | undefined;
  /** The folder of another checkout; without it, this one. */
  readonly root?: string;
}

/** Runs a part in a fresh process, whose progress goes to standard error. @throws {Error} when it fails */
export async function runPart(name: PartName, { quick, only, root = here }: RunOptions): Promise<PartResult> {
  const args = [resolve(root, "bench/suite/run-part.ts"), name, "--json"];
  if (quick) args.push("--quick");
  if (only !== undefined) args.push("--only", only);
  const child = spawn(process.execPath, args, {
    cwd: root,
    env: { ...process.env, [BUILT]: "1" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [output, [status, signal]] = await Promise.all([text(child.stdout), once(child, "exit")]);
  if (status !== 0) throw new Error(`Its process ended with ${status ?? signal}`);
  return JSON.parse(output) as PartResult;
}

const here = resolve(import.meta.dirname, "..", "..");
