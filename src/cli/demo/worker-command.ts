import { fileURLToPath } from "node:url";
import { type Runtime, runtime } from "../../runtime.ts";

/** What a runtime wants before the script. */
const FLAGS: Readonly<Record<Runtime, readonly string[]>> = {
  bun: [],
  node: [],
  deno: ["run", "--allow-all", "--quiet", "--no-lock"],
};

/**
 * The command line of a worker.
 *
 * @param wanted a runtime to be found in `PATH`; without it, the one that runs this process
 */
export function workerCommand(wanted: Runtime | undefined): readonly [command: string, ...args: string[]] {
  const extension = import.meta.url.endsWith(".js") ? ".js" : ".ts";
  const script = fileURLToPath(new URL(`./worker${extension}`, import.meta.url));
  if (wanted !== undefined && wanted !== runtime) return [wanted, ...FLAGS[wanted], script];
  const own = runtime === "node" ? process.execArgv : FLAGS[runtime];
  return [process.execPath, ...own, script];
}
