import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** A name that users can import, or a member of it. */
export interface PublicSymbol {
  /** `Channel`, or `Channel.send` */
  name: string;
  /** the declaration file that declares it */
  file: string;
  documented: boolean;
}

/** Lists what a declaration file exports, through its re-exports, with the members of classes and interfaces. */
export function publicSymbols(file: string): PublicSymbol[] {
  const found: PublicSymbol[] = [];
  for (const [exported, { name, file: home }] of exportsOf(file)) found.push(...symbolAndMembers(exported, name, home));
  return found;
}

/** Exported name to the name and the file of its declaration. */
function exportsOf(file: string): Map<string, { name: string; file: string }> {
  const text = readFileSync(file, "utf8");
  const found = new Map<string, { name: string; file: string }>();
  for (const [, name = ""] of text.matchAll(DECLARED)) found.set(name, { name, file });
  for (const [, names = "", from] of text.matchAll(/^export (?:type )?\{([^}]*)\}(?: from "([^"]+)")?;/gm)) {
    for (const part of names.split(",")) {
      const [, name = "", alias = name] = /^(?:type )?([\w$]+)(?: as ([\w$]+))?$/.exec(part.trim()) ?? [];
      if (name === "") continue;
      const origin = from === undefined ? { name, file } : exportsOf(declarationFile(file, from)).get(name);
      found.set(alias, origin ?? { name, file });
    }
  }
  for (const [, from = ""] of text.matchAll(/^export \* from "([^"]+)";/gm)) {
    for (const [name, origin] of exportsOf(declarationFile(file, from))) if (!found.has(name)) found.set(name, origin);
  }
  return found;
}

const DECLARED =
  /^export (?:declare )?(?:abstract )?(?:async )?(?:function\*?|class|const|let|var|interface|type|enum) ([\w$]+)/gm;

function declarationFile(importer: string, specifier: string): string {
  const path = join(dirname(importer), specifier).replace(/\.[jt]s$/, ".d.ts");
  if (!existsSync(path)) throw new Error(`${importer} exports from "${specifier}", but there is no ${path}`);
  return path;
}

function symbolAndMembers(exported: string, name: string, file: string): PublicSymbol[] {
  const lines = readFileSync(file, "utf8").split("\n");
  const declaration = new RegExp(
    `^(?:export )?(?:declare )?(?:abstract )?(?:function\\*?|class|const|let|var|interface|type|enum) ${name.replaceAll("$", "\\$")}\\b`,
  );
  const start = lines.findIndex((line) => declaration.test(line));
  if (start < 0) return [{ name: exported, file, documented: false }];
  // the constants of C under their own names are documented by C
  const isAbi = file.includes("/abi/");
  const found = [{ name: exported, file, documented: isAbi || isDocumented(lines, start, CONSTANT) }];
  if (!/\b(class|interface) /.test(lines[start] ?? "") || /\}$/.test(lines[start] ?? "")) return found;
  // the compiler prints a member with an indentation of four, and what belongs to it deeper
  for (let index = start + 1; index < lines.length && lines[index] !== "}"; index++) {
    const member = MEMBER.exec(lines[index] ?? "")?.[1];
    const overload = found.some((symbol) => symbol.name === `${exported}.${member}`);
    if (member === undefined || member === "constructor" || overload) continue;
    found.push({ name: `${exported}.${member}`, file, documented: isDocumented(lines, index, PROPERTY) });
  }
  return found;
}

const MEMBER =
  /^ {4}(?!private |protected )(?:(?:static|readonly|abstract|get|set|async|override) )*([A-Za-z_$][\w$]*)\??[(:<;]/;

/** Whether a doc comment stands above the line, or above the run of lines of the same kind that it ends. */
function isDocumented(lines: readonly string[], index: number, kind: RegExp): boolean {
  let first = index;
  while (kind.test(lines[first] ?? "") && kind.test(lines[first - 1] ?? "")) first--;
  return lines[first - 1]?.trimEnd().endsWith("*/") ?? false;
}

/** A constant of a table, and a property: one comment may stand above several. */
const CONSTANT = /^export declare const [A-Z0-9_]+\b.*;$/;
const PROPERTY = /^ {4}(readonly )?[a-zA-Z_$][\w$]*\??: [^()]*;$/;
