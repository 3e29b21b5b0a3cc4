import { stripVTControlCharacters } from "node:util";
import { type ArgsDef, type ParsedArgs, parseArgs } from "citty";
import { UsageError } from "./usage-error.ts";

/**
 * Reads the arguments of a command and refuses what it does not know, which citty lets pass.
 *
 * @throws {UsageError} for an unknown option, an option without its value, a missing or a surplus argument
 */
export function parseArguments<const Args extends ArgsDef>(
  raw: readonly string[],
  definitions: Args,
  many = false,
): ParsedArgs<Args> {
  const parsed = parse(raw, definitions);
  const optionNames = namesOfOptions(definitions);
  const positionals = Object.keys(definitions).filter((name) => definitions[name]?.type === "positional");
  for (const key of Object.keys(parsed)) {
    if (key === "_" || optionNames.has(key) || positionals.includes(key)) continue;
    const shown = key.length === 1 ? `-${key}` : parsed[key] === false ? `--no-${key}` : `--${key}`;
    throw new UsageError(`There is no option ${shown}`);
  }
  for (const [name, { type }] of Object.entries(definitions)) {
    if (type === "string") checkValue(raw, name, parsed[name]);
  }
  const surplus = parsed._[positionals.length];
  if (surplus !== undefined && !many) throw new UsageError(`There is an argument too many: "${surplus}"`);
  return parsed;
}

function parse<const Args extends ArgsDef>(raw: readonly string[], definitions: Args): ParsedArgs<Args> {
  try {
    return parseArgs<Args>([...raw], definitions);
  } catch (error) {
    // citty has one kind of error, in colours
    const message = stripVTControlCharacters(error instanceof Error ? error.message : String(error));
    throw new UsageError(message.replace("Missing required positional argument: ", "There is no "), { cause: error });
  }
}

function namesOfOptions(definitions: ArgsDef): Set<string> {
  const names = new Set<string>();
  for (const [name, definition] of Object.entries(definitions)) {
    if (definition.type === "positional") continue;
    names.add(name);
    // citty gives `dry-run` also as dryRun
    names.add(name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase()));
    if ("alias" in definition) for (const alias of [definition.alias ?? []].flat()) names.add(alias);
  }
  return names;
}

function checkValue(raw: readonly string[], name: string, value: unknown): void {
  if (value === undefined) return;
  const tookOption = typeof value === "string" && value.startsWith("--") && raw[raw.indexOf(value) - 1] === `--${name}`;
  if (typeof value === "string" && value !== "" && !tookOption) return;
  throw new UsageError(`The option --${name} needs a value`);
}
