import { stripVTControlCharacters } from "node:util";
import { type ArgsDef, renderUsage } from "citty";
import type { CommandDefinition, HelpNote } from "./define-command.ts";
import { STATUS_MEANINGS } from "./exit-status.ts";
import { version } from "./version.ts";

/** The text of `millrace COMMAND --help`. */
export async function renderHelp<Args extends ArgsDef>({
  name,
  description,
  args,
  notes,
}: CommandDefinition<Args>): Promise<string> {
  const usage = await renderUsage({ meta: { name: `millrace ${name}`, description, version: version() }, args });
  const statuses: HelpNote = {
    heading: "EXIT STATUS",
    lines: STATUS_MEANINGS.map(([status, meaning]) => `${status.padStart(5)}  ${meaning}`),
  };
  // citty colours its text without looking where it goes
  const text = process.stdout.isTTY ? usage : stripVTControlCharacters(usage);
  const trimmed = text.trim().replace(/ +$/gm, "");
  return `${trimmed}\n${[...notes, statuses].map(renderNote).join("")}`;
}

function renderNote({ heading, lines }: HelpNote): string {
  return `\n${heading}\n\n${lines.map((line) => `  ${line}\n`).join("")}`;
}
