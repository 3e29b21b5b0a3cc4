import { spawnSync } from "node:child_process";
import { cpus, release, totalmem } from "node:os";
import { commandFor } from "../../test/support/runtimes.ts";
import type { SuiteResult } from "./result.ts";

/** What this machine is. */
export function machine(): SuiteResult["machine"] {
  return {
    cpu: cpus()[0]?.model ?? "unknown",
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
  };
}

/** The versions of the runtimes and compilers that the contenders run on or come from. */
export function runtimes(): SuiteResult["runtimes"] {
  const found: Record<string, string> = {};
  const commands: [name: string, command: string][] = [
    ["Bun", commandFor("bun", "").command],
    ["Node", commandFor("node26", "").command],
    ["Deno", commandFor("deno", "").command],
    ["C compiler", "cc"],
    ["NATS server", "nats-server"],
  ];
  for (const [name, command] of commands) {
    const { status, stdout } = spawnSync(command, ["--version"], { encoding: "utf8" });
    if (status !== 0) continue;
    const [line = ""] = stdout.split("\n");
    found[name] = /\d+\.\d+(\.\d+)*/.exec(line)?.[0] ?? line;
  }
  return found;
}
