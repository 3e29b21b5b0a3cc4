/** A TypeScript example in a document or in a doc comment. */
export interface DocBlock {
  file: string;
  /** of the opening fence */
  line: number;
  code: string;
  /** why it is not run, from ` ```ts no-run the reason` */
  noRun?: string;
}

export interface DocBlocks {
  blocks: DocBlock[];
  problems: string[];
}

/** The ` ```ts ` blocks of a Markdown text. */
export function blocksOfMarkdown(file: string, text: string): DocBlocks {
  return collect(file, text.split("\n"), 1);
}

/** The ` ```ts ` blocks of every doc comment of a TypeScript file; an `@example` without one is a problem. */
export function blocksOfSource(file: string, text: string): DocBlocks {
  const found: DocBlocks = { blocks: [], problems: [] };
  for (const comment of text.matchAll(/^[ \t]*\/\*\*[\s\S]*?\*\//gm)) {
    const firstLine = text.slice(0, comment.index).split("\n").length;
    const lines = comment[0].split("\n").map((line) => line.replace(/^\s*(\/\*\*|\*\/|\* ?)/, ""));
    const { blocks, problems } = collect(file, lines, firstLine);
    found.blocks.push(...blocks);
    found.problems.push(...problems);
    lines.forEach((line, index) => {
      if (!line.startsWith("@example")) return;
      const next = lines.findIndex((other, at) => at > index && /^(@|```)/.test(other));
      if (next < 0 || !lines[next]?.startsWith("```")) {
        found.problems.push(`${file}:${firstLine + index}: the @example has no \`\`\`ts block`);
      }
    });
  }
  return found;
}

function collect(file: string, lines: readonly string[], firstLine: number): DocBlocks {
  const blocks: DocBlock[] = [];
  const problems: string[] = [];
  for (let index = 0; index < lines.length; index++) {
    const [, indent = "", fence = "", info = ""] = /^(\s*)(`{3,})(.*)$/.exec(lines[index] ?? "") ?? [];
    if (fence === "") continue;
    const opening = index;
    const code: string[] = [];
    while (++index < lines.length && lines[index]?.trim() !== fence)
      code.push(withoutIndent(lines[index] ?? "", indent));
    const line = firstLine + opening;
    if (index === lines.length) problems.push(`${file}:${line}: the block has no end`);
    const [language, ...words] = info.trim().split(/\s+/);
    if (language !== "ts" && language !== "typescript") continue;
    const block: DocBlock = { file, line, code: code.join("\n") };
    if (words[0] === "no-run") {
      block.noRun = words.slice(1).join(" ");
      if (block.noRun === "")
        problems.push(`${file}:${line}: "no-run" must say why, as in \`\`\`ts no-run needs two machines`);
    } else if (words.length > 0) {
      problems.push(
        `${file}:${line}: "${words.join(" ")}" after the language is not understood, only "no-run REASON" is`,
      );
    }
    blocks.push(block);
  }
  return { blocks, problems };
}

function withoutIndent(line: string, indent: string): string {
  return line.startsWith(indent) ? line.slice(indent.length) : line;
}
