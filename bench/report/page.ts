import { readFileSync } from "node:fs";
import type { PartResult, SuiteResult } from "../suite/result.ts";
import { distributionChart, rangeChart, symbolsOf } from "./charts.ts";
import type { Layout } from "./draw-chart.ts";
import { environment } from "./environment.ts";
import { headlines } from "./headlines.ts";
import { meaning } from "./meaning.ts";
import { type JobRows, jobsOf } from "./rows.ts";
import { tableOf } from "./table.ts";

const KINDS = [
  ["millrace", "millrace"],
  ["peer", "what people use"],
  ["native", "C and C++"],
] as const;

/** The run as one page that needs nothing else: no script, no file, no network. */
export function page(result: SuiteResult): string {
  const style = readFileSync(new URL("./page.css", import.meta.url), "utf8");
  const links = result.parts.map(({ part, title }) => `<li><a href="#${part}">${escaped(title)}</a></li>`);
  const facts = environment(result).map(
    ([name, value]) => `<tr><th>${escaped(name)}</th><td>${escaped(value)}</td></tr>`,
  );
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Millrace: benchmarks</title>
<style>
${style}</style>
</head>
<body>
<h1>Millrace: benchmarks</h1>
<p>All contenders of a job run in the same run, in turns, every other round backwards. Results that are not good for millrace stay in.</p>
<table class="facts">${facts.join("\n")}</table>
<nav><ul>${links.join("\n")}</ul></nav>
${result.parts.map(sectionOf).join("\n")}
</body>
</html>
`;
}

function sectionOf(part: PartResult): string {
  const said = headlines(part).map((line) => `<li>${escaped(line)}</li>`);
  return `<section id="${part.part}">
<h2>${escaped(part.title)}</h2>
<p>${escaped(part.explanation)}</p>
${said.length > 0 ? `<ul class="short">${said.join("\n")}</ul>` : ""}
${jobsOf(part).map(articleOf).join("\n")}
</section>`;
}

function articleOf(job: JobRows): string {
  const measured = job.rows.filter(({ median }) => median !== undefined);
  const hasHistograms = measured.some(({ histogram }) => histogram !== undefined);
  const chart = (layout: Layout) => (hasHistograms ? distributionChart(job, layout) : rangeChart(job, layout));
  const figure = measured.length === 0 ? "" : `${keyOf(job, hasHistograms)}\n${chart("wide")}\n${chart("narrow")}`;
  return `<article>
<h3>${escaped(job.job)}</h3>
<p class="soft">${escaped(meaning(job))}</p>
<figure>
${figure}
</figure>
${tableFor(job)}
</article>`;
}

function keyOf(job: JobRows, hasHistograms: boolean): string {
  const present = new Set(job.rows.map(({ kind }) => kind));
  const kinds = KINDS.filter(([kind]) => present.has(kind)).map(
    ([kind, name]) => `<span><i style="background: var(--${kind})"></i>${name}</span>`,
  );
  const shape = hasHistograms ? "● median; stronger: more often" : "● median, with its range";
  const symbols = symbolsOf(job).map(([name, sign]) => `<span>${sign} ${escaped(name)}</span>`);
  return `<div class="key">${kinds.join("")}<span>${shape}</span>${symbols.join("")}</div>`;
}

function tableFor(job: JobRows): string {
  const { headings, lines, notes } = tableOf(job);
  const head = headings.map((heading) => `<th>${escaped(heading)}</th>`).join("");
  const body = lines.map((cells, i) => {
    const kind = job.rows[i]?.kind;
    return `<tr class="${kind}">${cells.map((cell) => `<td>${escaped(cell)}</td>`).join("")}</tr>`;
  });
  const said = notes.map(({ contenders, note }) => `<li><b>${escaped(contenders)}</b>: ${escaped(note)}</li>`);
  return `<details><summary>Table: ${escaped(job.job)}</summary>
<div class="scroll"><table><thead><tr>${head}</tr></thead>
<tbody>
${body.join("\n")}
</tbody></table></div>
</details>
${said.length > 0 ? `<ul class="soft">${said.join("\n")}</ul>` : ""}`;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}
