import type { ArgsDef, ParsedArgs } from "citty";
import type { Interruption } from "./interruption.ts";
import { parseArguments } from "./parse-arguments.ts";

/** What the command line can start. */
export interface Command {
  /** The text of `--help`. */
  help(): Promise<string>;
  /** @returns the exit status */
  run(raw: readonly string[], interruption: Interruption): Promise<number>;
}

/** A command as it is written down. */
export interface CommandDefinition<Args extends ArgsDef> {
  readonly name: string;
  readonly description: string;
  readonly args: Args;
  /** The last positional argument may be given more than once. */
  readonly many?: boolean;
  /** What `--help` says below the options: a heading, and its lines. */
  readonly notes: readonly HelpNote[];
  run(args: ParsedArgs<Args>, interruption: Interruption): Promise<number>;
}

export interface HelpNote {
  readonly heading: string;
  readonly lines: readonly string[];
}

/** Makes a command of its definition. */
export function defineCommand<const Args extends ArgsDef>(definition: CommandDefinition<Args>): Command {
  return {
    help: async () => (await import("./render-help.ts")).renderHelp(definition),
    run: (raw, interruption) => definition.run(parseArguments(raw, definition.args, definition.many), interruption),
  };
}
