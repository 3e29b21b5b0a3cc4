import type { SuiteResult } from "../suite/result.ts";
import { environment } from "./environment.ts";
import { headlines } from "./headlines.ts";
import { meaning } from "./meaning.ts";
import { jobsOf } from "./rows.ts";
import { tableOf } from "./table.ts";

/** The run as the text of `docs/benchmarks.md`. */
export function markdown(result: SuiteResult): string {
  const lines = [
    "# Benchmarks",
    "",
    "Made by `npm run bench -- --json FILE` and `npm run bench:report -- FILE`, which also makes a page with charts. All contenders of a job",
    "run in the same run, in turns, every other round backwards. Results that are not good for millrace stay in. How each part is measured:",
    "[benchmarks-method.md](benchmarks-method.md).",
    "",
    "| | |",
    "| --- | --- |",
    ...environment(result).map(([name, value]) => `| ${name} | ${escaped(value)} |`),
  ];
  for (const part of result.parts) {
    lines.push("", `## ${part.title}`, "", escaped(part.explanation));
    const said = headlines(part);
    if (said.length > 0) lines.push("", ...said.map((line) => `- ${escaped(line)}`));
    for (const job of jobsOf(part)) {
      const { headings, lines: rows, notes } = tableOf(job);
      lines.push("", `### ${job.job}`, "", escaped(meaning(job)), "");
      lines.push(row(headings), row(headings.map((_, i) => (i < 2 ? "---" : "---:"))), ...rows.map(row));
      if (notes.length > 0)
        lines.push("", ...notes.map(({ contenders, note }) => `- ${escaped(`${contenders}: ${note}`)}`));
    }
  }
  return `${lines.join("\n")}\n`;
}

function row(cells: readonly string[]): string {
  return `| ${cells.map(escaped).join(" | ")} |`;
}

function escaped(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("\n", " ").replaceAll("<", "&lt;");
}
