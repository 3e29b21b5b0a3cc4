/**
 * `bun scripts/adapters-table.ts` writes the table of transports into README.md, from what each channel's `supports` says.
 * With `--check` it only compares, and exits 1 when the README says something else.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Channel, type Supports } from "../src/mod.ts";

interface Row {
  readonly form: string;
  readonly what: string;
  open(): Promise<Channel>;
}

const scratch = mkdtempSync(join(tmpdir(), "millrace-table-"));
process.env.MILLRACE_DIR ??= scratch;

const ROWS: readonly Row[] = [
  { form: "`ring:NAME`", what: "lock-free ring in shared memory", open: () => Channel.receiver("ring:adapters-table") },
  {
    form: "`broadcast:NAME`",
    what: "one sender, any number of receivers, in shared memory",
    open: () => Channel.receiver("broadcast:adapters-table"),
  },
  {
    form: "`file:/PATH`",
    what: "lock-free ring in a file, which stays",
    open: () => Channel.receiver(`file:${scratch}/file`),
  },
  {
    form: "`funnel:NAME`",
    what: "any number of senders, one receiver, in shared memory",
    open: () => Channel.receiver("funnel:adapters-table"),
  },
  { form: "`pipe:FD`, `Channel.pipe()`", what: "anonymous pipe", open: openPipe },
  { form: "`fifo:/PATH`", what: "named pipe", open: () => Channel.receiver(`fifo:${scratch}/fifo`) },
  { form: "`sysv:KEY`, `sysv:PATH#ID`", what: "SysV message queue", open: () => Channel.receiver("sysv:0x6d6c7462") },
  { form: "`mq:/NAME`", what: "POSIX message queue", open: () => Channel.receiver("mq:/adapters-table") },
  { form: "`unix:/PATH`, `unix:@NAME`", what: "unix socket", open: () => Channel.receiver(`unix:${scratch}/socket`) },
  {
    form: "`memory:NAME`",
    what: "inside one process, for tests",
    open: () => Channel.receiver("memory:adapters-table"),
  },
];

const COLUMNS: readonly [title: string, key: keyof Supports][] = [
  ["other process", "processes"],
  ["one sender only", "exclusiveSender"],
  ["sender may end before the receiver starts", "senderFirst"],
  ["death of the sender is told", "peerDeath"],
  ["zero copy", "zeroCopy"],
];

const BEGIN = "<!-- adapters: made by scripts/adapters-table.ts -->";
const END = "<!-- /adapters -->";

try {
  const readme = resolve(import.meta.dirname, "../README.md");
  const text = readFileSync(readme, "utf8");
  const [before, rest] = split(text, BEGIN);
  const [, after] = split(rest, END);
  const made = `${before}${BEGIN}\n${await table()}\n${END}${after}`;
  if (!process.argv.includes("--check")) writeFileSync(readme, made);
  else if (made !== text) {
    console.error(
      "README.md: the table of transports is not what `supports` says. Run `bun scripts/adapters-table.ts`",
    );
    process.exitCode = 1;
  }
} finally {
  rmSync(scratch, { recursive: true });
}

async function table(): Promise<string> {
  const lines = [
    `| address | object | ${COLUMNS.map(([title]) => title).join(" | ")} |`,
    `|${" --- |".repeat(COLUMNS.length + 2)}`,
  ];
  for (const { form, what, open } of ROWS) {
    const channel = await open();
    const { supports } = channel;
    await channel.close();
    lines.push(`| ${form} | ${what} | ${COLUMNS.map(([, key]) => (supports[key] ? "yes" : "no")).join(" | ")} |`);
  }
  return lines.join("\n");
}

async function openPipe(): Promise<Channel> {
  const { sender, receiver } = await Channel.pipe();
  await sender.close();
  return receiver;
}

function split(text: string, mark: string): [string, string] {
  const at = text.indexOf(mark);
  if (at < 0) throw new Error(`README.md has no line ${mark}`);
  return [text.slice(0, at), text.slice(at + mark.length)];
}
