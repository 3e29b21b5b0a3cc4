/**
 * `npm run bench:report -- FILE.json [--html PAGE] [--markdown TEXT]`: makes the page with charts (beside FILE, as `.html`, unless said
 * otherwise) and `docs/benchmarks.md` from what `npm run bench -- --json FILE.json` measured.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { markdown } from "./report/markdown.ts";
import { page } from "./report/page.ts";
import type { SuiteResult } from "./suite/result.ts";

const { values, positionals } = parseArgs({
  options: { html: { type: "string" }, markdown: { type: "string" } },
  allowPositionals: true,
});
const [file] = positionals;
if (file === undefined) throw new TypeError("Which file? npm run bench:report -- FILE.json");
const result = JSON.parse(readFileSync(file, "utf8")) as SuiteResult;
const outputs = [
  [values.html ?? file.replace(/(\.json)?$/, ".html"), page(result)],
  [values.markdown ?? resolve(import.meta.dirname, "..", "docs", "benchmarks.md"), markdown(result)],
] as const;
for (const [path, text] of outputs) {
  writeFileSync(path, text);
  console.log(`${path}: ${Math.ceil(text.length / 1024)} KiB`);
}
