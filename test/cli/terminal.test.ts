// runtimes: bun node20 deno - Node 26 would run the same build as Node 20
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { deadline } from "../support/deadline.ts";
import { skip } from "../support/skip.ts";
import { endMillraces, millraceCommand, startMillrace } from "./run-millrace.ts";

const LIMIT = 60_000;
const folder = mkdtempSync(join(tmpdir(), "terminal-"));
const file = join(folder, "file");
writeFileSync(file, new Uint8Array(1_500_000));
const hasTerminals = spawnSync("script", ["--version"]).status === 0;

test.after.each(endMillraces);
test.after(() => rmSync(folder, { recursive: true, force: true }));

/** Runs `millrace` on a terminal of its own and gives all that it drew there. */
async function onTerminal(
  args: readonly string[],
  redirection = "",
): Promise<{ drawn: string; status: number | null }> {
  const { command, args: all, env } = millraceCommand(args);
  const words = [command, ...all].map((word) => `'${word}'`).join(" ");
  const terminal = spawn("script", ["-qec", `${words} ${redirection}`, "/dev/null"], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, ...env, NO_COLOR: undefined },
  });
  let drawn = "";
  terminal.stdout.setEncoding("utf8").on("data", (text: string) => {
    drawn += text;
  });
  const status = await new Promise<number | null>((resolve) => terminal.once("close", resolve));
  return { drawn, status };
}

test(
  "send of a file draws a bar that comes to its end",
  deadline(LIMIT, async () => {
    if (!hasTerminals) return skip("needs script(1) of util-linux");
    const receiving = startMillrace("recv", "ring:terminal");
    const { drawn, status } = await onTerminal(["send", "ring:terminal", file]);
    assert.is(status, 0, drawn);
    assert.match(drawn, /ring:terminal \[-{30}\] 0% 0 B of 1\.50 MB/);
    assert.match(drawn, /ring:terminal \[={30}\] 100% 1\.50 MB of 1\.50 MB [\d.]+ [kMG]?B\/s/);
    const { stdout, stderr } = await receiving.ended;
    assert.is(stdout.length, 1_500_000);
    assert.is(stderr, "", "no bar where there is no terminal");
  }),
);

test(
  "recv draws a counter, unless the data is on the terminal",
  deadline(LIMIT, async () => {
    if (!hasTerminals) return skip("needs script(1) of util-linux");
    const sending = startMillrace("send", "ring:terminal", file);
    const counted = await onTerminal(["recv", "ring:terminal", "-o", join(folder, "copy")]);
    assert.is((await sending.ended).status, 0);
    assert.is(counted.status, 0, counted.drawn);
    assert.match(counted.drawn, /ring:terminal 1\.50 MB [\d.]+ [kMG]?B\/s/);

    const typing = startMillrace("send", "--lines", "ring:terminal");
    typing.child.stdin.end("one\ntwo\n");
    const plain = await onTerminal(["recv", "--lines", "ring:terminal"]);
    assert.is(plain.drawn, "one\r\ntwo\r\n");
  }),
);

test(
  "the demo draws bars, takes them away, and prints its table",
  deadline(LIMIT, async () => {
    if (!hasTerminals) return skip("needs script(1) of util-linux");
    const { drawn, status } = await onTerminal(["demo", file]);
    assert.is(status, 0, drawn);
    for (const name of ["ring", "pipe", "fifo", "sysv", "stdio"])
      assert.match(drawn, new RegExp(`${name} *\\[[=-]{30}\\]`));
    const lines = drawn.slice(drawn.lastIndexOf("\u001b")).split("\r\n");
    assert.match(lines[0] ?? "", /file, 1\.50 MB, between two processes on/);
    assert.match(lines[2] ?? "", /│ transport +│ messages │ +bytes │ seconds │ +GB\/s │ equal │/);
    assert.match((await onTerminal(["demo", file, "--no-progress"])).drawn, /^file, /);
  }),
);

test.run();
