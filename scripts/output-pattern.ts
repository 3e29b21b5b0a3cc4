/**
 * Compares what a program printed with the comment that says what it prints. In the comment `...` within a line stands for any
 * text, and `...` alone on a line for any lines.
 *
 * @returns the first difference, or undefined when they agree
 */
export function compareOutput(printed: string, expected: readonly string[]): string | undefined {
  const lines = printed
    .trimEnd()
    .split("\n")
    .map((line) => line.trimEnd());
  if (matches(lines, expected)) return undefined;
  const shown = (text: readonly string[]) => text.map((line) => `  | ${line}`).join("\n");
  return `printed\n${shown(lines)}\nbut should print\n${shown(expected)}`;
}

/** The lines after `// Output:` at the end of a program, or undefined when it has none. */
export function expectedOutput(program: string): string[] | undefined {
  const lines = program.trimEnd().split("\n");
  const start = lines.findLastIndex((line) => line.trim() === "// Output:");
  const after = lines.slice(start + 1);
  if (start < 0 || !after.every((line) => line.startsWith("//"))) return undefined;
  return after.map((line) => line.replace(/^\/\/ ?/, "").trimEnd());
}

function matches(lines: readonly string[], expected: readonly string[]): boolean {
  const [first, ...rest] = expected;
  if (first === undefined) return lines.length === 0 || (lines.length === 1 && lines[0] === "");
  if (first === "...") {
    for (let skipped = 0; skipped <= lines.length; skipped++) if (matches(lines.slice(skipped), rest)) return true;
    return rest.length === 0;
  }
  const [line, ...others] = lines;
  if (line === undefined || !linePattern(first).test(line)) return false;
  return others.length === 0 && rest.length === 0 ? true : matches(others, rest);
}

function linePattern(expected: string): RegExp {
  const parts = expected.split("...").map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"));
  return new RegExp(`^${parts.join(".*")}$`);
}
