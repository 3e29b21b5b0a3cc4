// runtimes: bun - the other ends are other programs
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Channel } from "../../src/ipc/channel.ts";
import { deadline } from "../support/deadline.ts";
import { foreignPeer } from "../support/foreign-peer.ts";
import { projectRoot } from "../support/project-root.ts";
import { skip } from "../support/skip.ts";

const LIMIT = 20_000;
const test = suite("docs/other-languages.md");
const text = { codec: "text" } as const;
const FIVE = [1, 2, 3, 4, 5].map((number) => `number ${number}`);

/** The program of the document whose first line names this file. */
function program(file: string): string {
  const document = readFileSync(join(projectRoot, "docs", "other-languages.md"), "utf8");
  const found = [...document.matchAll(/^```\w+\n([^\n]*\n.*?)^```$/gms)].map((match) => match[1] as string);
  const block = found.find((candidate) => candidate.split("\n", 1)[0]?.includes(file));
  if (block === undefined) throw new Error(`The document has no ${file}`);
  return block;
}

async function inFolder(handler: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "languages-"));
  try {
    copyFileSync(join(projectRoot, "include", "millrace.h"), join(folder, "millrace.h"));
    copyFileSync(join(projectRoot, "examples", "python", "millrace.py"), join(folder, "millrace.py"));
    await handler(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function output(child: ChildProcess): Promise<string> {
  let said = "";
  child.stdout?.setEncoding("utf8").on("data", (part: string) => {
    said += part;
  });
  const [status] = await once(child, "close");
  assert.is(status, 0, said);
  return said;
}

function start(command: string, ...args: string[]): ChildProcess {
  return spawn(command, args, { stdio: ["ignore", "pipe", "inherit"] });
}

async function sendFive(): Promise<void> {
  await using sender = await Channel.sender("ring:numbers", text);
  for (const message of FIVE) await sender.send(message);
}

test(
  "receive.c prints what a script sends",
  deadline(LIMIT, () =>
    inFolder(async (folder) => {
      writeFileSync(join(folder, "receive.c"), program("receive.c"));
      const built = join(folder, "receive");
      execFileSync("cc", ["-std=c11", "-Wall", "-Wextra", "-Werror", "-o", built, join(folder, "receive.c")]);
      const said = output(start(built));
      await sendFive();
      assert.is(await said, `${FIVE.join("\n")}\nEND\n`);
    }),
  ),
);

test(
  "receive.py prints what a script sends, and send.py sends it",
  deadline(LIMIT, () =>
    inFolder(async (folder) => {
      if (foreignPeer("python") === undefined) return skip("needs python3, 3.9 or newer");
      for (const file of ["receive.py", "send.py"]) writeFileSync(join(folder, file), program(file));
      const said = output(start("python3", join(folder, "receive.py")));
      await sendFive();
      assert.is(await said, `${FIVE.join("\n")}\n`);

      await using receiver = await Channel.receiver("ring:numbers", text);
      const sent = output(start("python3", join(folder, "send.py")));
      const messages: string[] = [];
      for await (const message of receiver) messages.push(message);
      assert.equal(messages, FIVE);
      await sent;
    }),
  ),
);

test.run();
