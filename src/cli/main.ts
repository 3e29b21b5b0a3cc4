import { COMMANDS } from "./commands.ts";
import { STATUS } from "./exit-status.ts";
import { Interruption } from "./interruption.ts";
import { reportError } from "./report-error.ts";
import { UsageError } from "./usage-error.ts";
import { version } from "./version.ts";

/**
 * Runs the command line. It does not end the process.
 *
 * @param args without the runtime and the script
 * @returns the exit status
 */
export async function main(args: readonly string[]): Promise<number> {
  const debug = asksFor(args, "--debug") || isDebugWanted();
  const interruption = new Interruption();
  try {
    return await dispatch(args, interruption);
  } catch (error) {
    return await reportError(error, { debug, interruption });
  }
}

function isDebugWanted(): boolean {
  try {
    return (process.env.MILLRACE_DEBUG ?? "0") !== "0";
  } catch {
    return false; // Deno without --allow-env
  }
}

async function dispatch(args: readonly string[], interruption: Interruption): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined) throw new UsageError(`There is no command. ${commandList()}`);
  if (name === "--version" || name === "-v" || name === "-V") return print(`${version()}\n`);
  if (name === "--help" || name === "-h") return print(overview());
  const entry = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (entry === undefined) {
    const what = name.startsWith("-") ? "option" : "command";
    throw new UsageError(`There is no ${what} "${name}". ${commandList()}`);
  }
  const command = await entry.load();
  if (asksFor(rest, "--help") || asksFor(rest, "-h")) return print(await command.help());
  return command.run(rest, interruption);
}

function asksFor(args: readonly string[], option: string): boolean {
  const end = args.indexOf("--");
  return (end === -1 ? args : args.slice(0, end)).includes(option);
}

function commandList(): string {
  return `The commands are ${Object.keys(COMMANDS).join(", ")}`;
}

function overview(): string {
  const commands = Object.entries(COMMANDS).map(([name, { summary }]) => `  ${name.padEnd(8)}${summary}\n`);
  return `Moves data between local processes, as fast as the machine allows (millrace ${version()})

USAGE millrace COMMAND [OPTIONS] [ARGUMENTS]

COMMANDS

${commands.join("")}
OPTIONS

  -h, --help     this text; after a command, its own
  -v, --version  the version

EXAMPLES

  millrace demo
  millrace recv ring:frames > frames.bin & millrace send ring:frames < input.bin
`;
}

async function print(text: string): Promise<number> {
  const { openOutput } = await import("./output.ts");
  const output = await openOutput(undefined);
  await output.write(new TextEncoder().encode(text));
  return STATUS.ok;
}
