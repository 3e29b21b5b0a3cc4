// runtimes: bun - the report is made on Bun only
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

const COLLECT = `<script>
onload = () => {
  const said = Array.from(frames, (frame) => frame.document.body.dataset.seen);
  document.body.dataset.seen = "[" + said.join() + "]";
};
</script>`;

/** Of a desk and a phone. */
const WIDTHS = [1000, 390];

const chromium = ["chromium", "chromium-browser"].find((name) => spawnSync(name, ["--version"]).status === 0);

for (const isDark of [false, true]) {
  test(`charts and figures are there and readable on desk and phone, ${isDark ? "dark" : "light"}`, () => {
    if (chromium === undefined) return skip("there is no chromium");
    const { seen, rows } = open(chromium, isDark);
    for (const [i, frame] of seen.entries()) {
      assert.is(frame.width, WIDTHS[i]);
      assert.is(frame.isDark, isDark);
      assert.is(frame.background, isDark ? "rgb(21, 24, 28)" : "rgb(252, 252, 251)");
      assert.is(frame.charts, 3, "one of each two charts is shown");
      assert.ok(frame.scrolls <= frame.width, `${frame.scrolls} of ${frame.width} pixels`);
      assert.equal(frame.overlapping, []);
      assert.ok(frame.smallest >= 10, `text of ${frame.smallest} pixels`);
      assert.ok(frame.names.includes("a contender, whose name is about as long as a name can be"));
      assert.ok(frame.names.includes("110 ns") && frame.names.includes("91 µs"));
      assert.is(frame.tables, 4);
    }
    assert.ok(rows > 100, `${rows} rows of the picture differ from the row above`);
  });
}

/** Opens the page in frames of both widths. @returns what each says of itself, and how many rows of the picture differ from the one above */
function open(browser: string, isDark: boolean): { seen: Seen[]; rows: number } {
  const folder = mkdtempSync(join(tmpdir(), "page-"));
  try {
    const file = join(folder, "page.html");
    const picture = join(folder, "page.png");
    writeFileSync(
      join(folder, "inner.html"),
      page(madeUpResult()).replace("</body>", () => MEASURE),
    );
    // a window of a browser has a least width, a frame has none
    const frames = WIDTHS.map((width) => `<iframe src="inner.html" width="${width}" height="900"></iframe>`).join("");
    writeFileSync(file, `<!doctype html><body>${frames}${COLLECT}</body>`);
    const common = [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--allow-file-access-from-files",
      "--hide-scrollbars",
    ];
    const dark = isDark ? ["--force-dark-mode", "--blink-settings=preferredColorScheme=0"] : [];
    const run = (...more: string[]) => {
      const own = ["--disable-dev-shm-usage", `--user-data-dir=${join(folder, "profile")}`, "--window-size=1450,950"];
      const args = [...common, ...own, ...dark, ...more, `file://${file}`];
      const { status, stdout, stderr } = spawnSync(browser, args, {
        encoding: "utf8",
        env: { ...process.env, TMPDIR: folder },
      });
      assert.is(status, 0, stderr);
      return stdout;
    };
    const said = /data-seen="([^"]*)"/.exec(run("--dump-dom"))?.[1];
    assert.ok(said, "the page said nothing of itself");
    run(`--screenshot=${picture}`);
    const seen = JSON.parse(said.replaceAll("&quot;", '"').replaceAll("&amp;", "&")) as Seen[];
    return { seen, rows: rowsThatDiffer(readFileSync(picture)) };
  } finally {
    // a process of the browser may end a moment later
    rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
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
