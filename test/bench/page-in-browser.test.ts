// runtimes: bun - the report is made on Bun only
// timeout: 120s
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inflateSync } from "node:zlib";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { page } from "../../bench/report/page.ts";
import { skip } from "../support/skip.ts";
import { madeUpResult } from "./made-up-result.ts";

/** What the page is asked for in the browser. */
interface Seen {
  readonly width: number;
  /** How wide the content is. */
  readonly scrolls: number;
  readonly isDark: boolean;
  readonly background: string;
  readonly charts: number;
  /** The smallest text of the charts in CSS pixels. */
  readonly smallest: number;
  readonly names: readonly string[];
  /** Pairs of texts of one chart that lie on each other, and texts that stand out of their chart. */
  readonly overlapping: readonly string[];
  readonly tables: number;
}

const MEASURE = `<script>
const seen = { width: innerWidth, scrolls: document.documentElement.scrollWidth, overlapping: [], names: [], smallest: 1000 };
seen.isDark = matchMedia("(prefers-color-scheme: dark)").matches;
seen.background = getComputedStyle(document.body).backgroundColor;
seen.tables = document.querySelectorAll("table").length;
const charts = [...document.querySelectorAll("svg")].filter((svg) => svg.getBoundingClientRect().height > 0);
seen.charts = charts.length;
for (const svg of charts) {
  const frame = svg.getBoundingClientRect();
  const scale = frame.width / svg.viewBox.baseVal.width;
  const texts = [...svg.querySelectorAll("text")].filter((text) => text.textContent.trim() !== "");
  const said = (text) => [...(text.children.length > 0 ? text.children : [text])].map((line) => line.textContent).join(" ");
  const boxes = texts.map((text) => [said(text), text.getBoundingClientRect()]);
  for (const text of texts) seen.smallest = Math.min(seen.smallest, parseFloat(getComputedStyle(text).fontSize) * scale);
  boxes.forEach(([name, box], i) => {
    seen.names.push(name);
    if (box.left < frame.left - 1 || box.right > frame.right + 1) seen.overlapping.push(name + " and the edge");
    for (const [other, far] of boxes.slice(i + 1)) {
      const width = Math.min(box.right, far.right) - Math.max(box.left, far.left);
      const height = Math.min(box.bottom, far.bottom) - Math.max(box.top, far.top);
      if (width > 1 && height > 3) seen.overlapping.push(name + " and " + other);
    }
  });
}
document.body.dataset.seen = JSON.stringify(seen);
</script></body>`;

const chromium = ["chromium", "chromium-browser"].find((name) => spawnSync(name, ["--version"]).status === 0);

for (const [name, width, flags] of [
  ["on a desk", 1000, []],
  ["on a phone", 390, []],
  ["in the dark", 1000, ["--force-dark-mode", "--blink-settings=preferredColorScheme=0"]],
] as const) {
  test(`charts and figures are there and readable ${name}`, () => {
    if (chromium === undefined) return skip("there is no chromium");
    const { seen, rows } = open(chromium, width, flags);
    const isDark = name === "in the dark";
    assert.is(seen.isDark, isDark);
    assert.is(seen.background, isDark ? "rgb(21, 24, 28)" : "rgb(252, 252, 251)");
    assert.is(seen.charts, 3, "one of each two charts is shown");
    assert.ok(seen.scrolls <= seen.width, `${seen.scrolls} of ${seen.width} pixels`);
    assert.equal(seen.overlapping, []);
    assert.ok(seen.smallest >= 10, `text of ${seen.smallest} pixels`);
    assert.ok(seen.names.includes("a contender, whose name is about as long as a name can be"));
    assert.ok(seen.names.includes("110 ns") && seen.names.includes("91 µs"));
    assert.is(seen.tables, 4);
    assert.ok(rows > 100, `${rows} rows of the picture differ from the row above`);
  });
}

/** Opens the page at a width. @returns what it says of itself, and how many rows of its picture differ from the one above */
function open(browser: string, width: number, flags: readonly string[]): { seen: Seen; rows: number } {
  const folder = mkdtempSync(join(tmpdir(), "page-"));
  try {
    const file = join(folder, "page.html");
    const picture = join(folder, "page.png");
    const text = page(madeUpResult());
    // a window of a browser has a least width, a frame has none
    writeFileSync(
      join(folder, "inner.html"),
      text.replace("</body>", () => MEASURE),
    );
    const frame = `<body style="margin:0"><iframe src="inner.html" style="border:0" width="${width}" height="900"></iframe>`;
    const copy = "onload = () => (document.body.dataset.seen = frames[0].document.body.dataset.seen)";
    writeFileSync(file, `<!doctype html>${frame}<script>${copy}</script></body>`);
    const common = [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--allow-file-access-from-files",
      "--hide-scrollbars",
    ];
    const run = (...more: string[]) => {
      const args = [
        ...common,
        ...flags,
        `--user-data-dir=${join(folder, "profile")}`,
        "--window-size=1000,900",
        ...more,
      ];
      const { status, stdout, stderr } = spawnSync(browser, [...args, `file://${file}`], { encoding: "utf8" });
      assert.is(status, 0, stderr);
      return stdout;
    };
    const said = /data-seen="([^"]*)"/.exec(run("--dump-dom"))?.[1];
    assert.ok(said, "the page said nothing of itself");
    run(`--screenshot=${picture}`);
    const seen = JSON.parse(said.replaceAll("&quot;", '"').replaceAll("&amp;", "&")) as Seen;
    return { seen, rows: rowsThatDiffer(readFileSync(picture)) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Counts the rows of a PNG image, 8 bits for each of 3 or 4 channels, that are not the same as the row above. */
function rowsThatDiffer(png: Buffer): number {
  const width = png.readUInt32BE(16);
  const channels = png[25] === 6 ? 4 : 3;
  const parts: Buffer[] = [];
  for (let at = 8; at < png.length; at += 12 + png.readUInt32BE(at)) {
    const length = png.readUInt32BE(at);
    if (png.toString("latin1", at + 4, at + 8) === "IDAT") parts.push(png.subarray(at + 8, at + 8 + length));
  }
  const data = inflateSync(Buffer.concat(parts));
  const rowBytes = 1 + width * channels;
  let previous = "";
  let count = 0;
  for (let at = 0; at + rowBytes <= data.length; at += rowBytes) {
    const row = data.toString("latin1", at, at + rowBytes);
    if (row !== previous) count++;
    previous = row;
  }
  return count;
}

test.run();
