import { statSync } from "node:fs";
import { basename } from "node:path";
import { runtime as ownRuntime, type Runtime } from "../../runtime.ts";
import { defineCommand } from "../define-command.ts";
import { STATUS } from "../exit-status.ts";
import { formatBytes } from "../format-bytes.ts";
import { openOutput } from "../output.ts";
import { UsageError } from "../usage-error.ts";

const RUNTIMES: readonly Runtime[] = ["bun", "node", "deno"];
/** Both workers hold the whole file. */
const MOST_BYTES = 2 ** 31 - 1;

/** `millrace demo [FILE]` */
export const demoCommand = defineCommand({
  name: "demo",
  description: "Moves a file between two processes through every transport, compares it, and says how fast that was",
  args: {
    file: { type: "positional", required: false, description: "What to move; the runtime's own executable without it" },
    json: { type: "boolean", description: "Print the results as a JSON object" },
    runtime: {
      type: "string",
      valueHint: RUNTIMES.join("|"),
      description: "Run the two processes on this one, from PATH",
    },
    progress: {
      type: "boolean",
      default: true,
      description: "Show progress on a terminal",
      negativeDescription: "Show none",
    },
    debug: { type: "boolean", description: "Show the stack of an error" },
  },
  notes: [
    {
      heading: "HOW IT IS MEASURED",
      lines: [
        "The producer has the file in memory, and the consumer the memory for it. The clock runs from the",
        "first message to the last byte, at the consumer. Each transport moves the file up to seven times; the",
        "median counts, and the SHA-256 of what arrived is compared each time, outside of the measured part.",
        "stdio is for comparison: a child process that writes to its standard output, without millrace.",
      ],
    },
  ],
  async run(args, interruption) {
    const file = args.file ?? process.execPath;
    const size = sizeOf(file);
    const runtime = runtimeNamed(args.runtime);
    const json = args.json === true;
    const { runDemo } = await import("./run-demo.ts");
    const results = await runDemo({ file, size, runtime, progress: args.progress && !json }, interruption);
    const output = await openOutput(undefined);
    const head = { file, bytes: size, runtime: runtime ?? ownRuntime };
    await output.write(
      new TextEncoder().encode(
        json
          ? `${JSON.stringify({ ...head, ...results })}\n`
          : `${basename(file)}, ${formatBytes(size)}, between two processes on ${head.runtime}\n` +
              (await import("./render-results.ts")).renderResults(results),
      ),
    );
    const all = [...results.transports, results.comparison];
    return all.every(({ ok }) => ok) ? STATUS.ok : STATUS.failure;
  },
});

function sizeOf(file: string): number {
  const status = statSync(file);
  if (!status.isFile()) throw new UsageError(`${file} is not a regular file`);
  if (status.size <= MOST_BYTES) return status.size;
  throw new UsageError(
    `${file} has ${formatBytes(status.size)}, more than the ${formatBytes(MOST_BYTES)} that the demo keeps in memory`,
  );
}

function runtimeNamed(name: string | undefined): Runtime | undefined {
  if (name === undefined) return undefined;
  const known = RUNTIMES.find((runtime) => runtime === name);
  if (known === undefined) throw new UsageError(`--runtime is "${name}", but must be one of ${RUNTIMES.join(", ")}`);
  return known;
}
