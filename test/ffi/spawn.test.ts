import { chmodSync, copyFileSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  close,
  type FileAction,
  getpid,
  INTERRUPTED,
  kill,
  O_CREAT,
  O_WRONLY,
  open,
  pipe2,
  posixSpawn,
  posixSpawnp,
  read,
  SIGCONT,
  SIGKILL,
  SIGPIPE,
  SIGSTOP,
  SIGTERM,
  SIGUSR1,
  type SpawnOptions,
  WCONTINUED,
  WNOHANG,
  WOULD_BLOCK,
  WUNTRACED,
  waitpid,
} from "../../src/ffi/mod.ts";
import { scratch } from "../../src/ffi/scratch.ts";
import { decodeWaitStatus } from "../../src/ffi/wait-status.ts";
import { deadline } from "../support/deadline.ts";
import { whileInterrupted } from "../support/interrupted.ts";
import { leakCheck } from "../support/leak-check.ts";
import { nativeProgram } from "../support/native-program.ts";
import { throwsSystemError } from "../support/throws-system-error.ts";
import { uniqueName } from "../support/unique-name.ts";

/** Runs a shell command to its end, and returns what it wrote on standard output. */
function outputOf(command: string, options: SpawnOptions = {}, args: string[] = []): string {
  return outputOfProgram(["sh", "-c", command, "sh", ...args], options);
}

function outputOfProgram(args: [program: string, ...rest: string[]], options: SpawnOptions): string {
  const [readEnd, writeEnd] = pipe2();
  const fileActions: FileAction[] = [{ action: "dup2", from: writeEnd, to: 1 }, ...(options.fileActions ?? [])];
  const pid = posixSpawnp(args[0], args, { ...options, fileActions });
  close(writeEnd);
  const bytes = new Uint8Array(10_000);
  let text = "";
  for (let count = read(readEnd, bytes); count > 0; count = read(readEnd, bytes))
    text += new TextDecoder().decode(bytes.subarray(0, count));
  close(readEnd);
  assert.equal(waitpid(pid), { pid, kind: "exited", code: 0 });
  return text;
}

test("a program starts and ends, with its status", () => {
  new Uint8Array(scratch.buffer).fill(255);
  for (const code of [0, 1, 255]) {
    const pid = posixSpawn("/bin/sh", ["sh", "-c", `exit ${code}`]);
    assert.equal(waitpid(pid), { pid, kind: "exited", code });
    throwsSystemError(() => waitpid(pid), "ECHILD", "waitpid");
  }
});

test("a program is looked for in PATH", () => {
  const pid = posixSpawnp("sh", ["sh", "-c", "exit 7"]);
  assert.equal(waitpid(pid), { pid, kind: "exited", code: 7 });
});

test("a child is killed, stopped and continued", () => {
  const pid = posixSpawnp("sleep", ["sleep", "1000"]);
  assert.is(waitpid(pid, WNOHANG), WOULD_BLOCK);
  kill(pid, SIGSTOP);
  assert.equal(waitpid(pid, WUNTRACED), { pid, kind: "stopped", signal: SIGSTOP });
  kill(pid, SIGCONT);
  assert.equal(waitpid(pid, WCONTINUED), { pid, kind: "continued" });
  kill(pid, SIGTERM);
  assert.equal(waitpid(pid), { pid, kind: "killed", signal: SIGTERM, coreDumped: false });
});

test(
  "a signal ends the wait for a child, and is a value",
  deadline(30_000, async () => {
    const pid = posixSpawnp("sleep", ["sleep", "1000"]);
    assert.is(await whileInterrupted(() => waitpid(pid)), INTERRUPTED);
    kill(pid, SIGKILL);
    assert.equal(waitpid(pid), { pid, kind: "killed", signal: SIGKILL, coreDumped: false });
  }),
);

test(
  "a status is decoded as C decodes it",
  deadline(30_000, async () => {
    const lines = (await nativeProgram("wait-status")()).trimEnd().split("\n");
    assert.ok(lines.length > 8000);
    for (const line of lines) {
      const [status, kind, number, core] = line.split(" ");
      const decoded = decodeWaitStatus(Number(status));
      const value = "code" in decoded ? decoded.code : "signal" in decoded ? decoded.signal : 0;
      const dumped = "coreDumped" in decoded && decoded.coreDumped ? 1 : 0;
      assert.is(`${status} ${decoded.kind} ${value} ${dumped}`, `${status} ${kind} ${number} ${core}`);
    }
  }),
);

test("arguments and the environment arrive as they are", () => {
  const odd = ["", "two words", "ü €", "a\nb", "x".repeat(5000)];
  assert.is(outputOf('for a; do printf "<%s>" "$a"; done', {}, odd), odd.map((text) => `<${text}>`).join(""));
  assert.is(outputOf("echo $PATH"), `${process.env.PATH}\n`);
  process.env.SPAWN_TEST = "set meanwhile";
  assert.is(outputOf("echo $SPAWN_TEST"), "set meanwhile\n");
  delete process.env.SPAWN_TEST;
  assert.is(outputOf('echo "$A|$B|$HOME"', { env: { A: "1 ü", B: undefined } }), "1 ü||\n");
});

test("file actions happen in their order", () => {
  const path = join(tmpdir(), uniqueName("spawn"));
  const fileActions: FileAction[] = [
    { action: "open", fd: 5, path, flags: O_WRONLY | O_CREAT, mode: 0o640 },
    { action: "dup2", from: 5, to: 6 },
    { action: "close", fd: 5 },
  ];
  assert.is(outputOf("echo to six >&6; ls /proc/self/fd/5 2>/dev/null || echo closed", { fileActions }), "closed\n");
  assert.is(readFileSync(path, "utf8"), "to six\n");
  rmSync(path);
});

test("descriptors that are closed on exec do not get into the child, and dup2 onto itself lets one", () => {
  const [readEnd, writeEnd] = pipe2();
  const list = `for fd in ${readEnd} ${writeEnd}; do test -e /proc/$$/fd/$fd && echo $fd; done; true`;
  assert.is(outputOf(list), "");
  const fileActions: FileAction[] = [{ action: "dup2", from: writeEnd, to: writeEnd }];
  assert.is(outputOf(list, { fileActions }), `${writeEnd}\n`);
  close(readEnd);
  close(writeEnd);
});

test("process group, session and signals", () => {
  // of "pid (name) state ppid pgrp session"
  const groups = "read pid name state parent group session rest < /proc/$$/stat; echo $pid $parent $group $session";
  const [pid, parent, group, session] = outputOf(groups, { processGroup: 0 }).trim().split(" ");
  assert.is(parent, `${getpid()}`);
  assert.is(group, pid);
  assert.is.not(session, pid);
  const [leader, , , own] = outputOf(groups, { newSession: true }).trim().split(" ");
  assert.is(own, leader);
  const mask = (name: string, options: SpawnOptions) =>
    BigInt(`0x${/(\w+)$/.exec(outputOfProgram(["grep", name, "/proc/self/status"], options).trim())?.[1]}`);
  const bit = (signal: number) => 1n << BigInt(signal - 1);
  assert.is(mask("SigBlk", { signalMask: [SIGUSR1] }) & bit(SIGUSR1), bit(SIGUSR1));
  assert.is(mask("SigBlk", { signalMask: [] }), 0n);
  assert.is(mask("SigIgn", {}) & bit(SIGPIPE), bit(SIGPIPE), "runtimes ignore it");
  assert.is(mask("SigIgn", { defaultSignals: [SIGPIPE] }) & bit(SIGPIPE), 0n);
});

test("what the system refuses", () => {
  const file = join(tmpdir(), uniqueName("spawn"));
  writeFileSync(file, "no program");
  const nowhere = join(tmpdir(), "nowhere");
  const shell = "/bin/sh";
  throwsSystemError(() => posixSpawn(nowhere, ["x"]), "ENOENT", "posix_spawn", nowhere);
  throwsSystemError(() => posixSpawnp("no-such-program-here", ["x"]), "ENOENT", "posix_spawnp", "no-such-program-here");
  throwsSystemError(() => posixSpawn(file, ["x"]), "EACCES", "posix_spawn", file);
  throwsSystemError(() => posixSpawn(`${file}/x`, ["x"]), "ENOTDIR", "posix_spawn", `${file}/x`);
  chmodSync(file, 0o700);
  throwsSystemError(() => posixSpawn(file, ["x"]), "ENOEXEC", "posix_spawn", file);
  rmSync(file);
  const large = "x".repeat(1 << 18);
  throwsSystemError(() => posixSpawn(shell, ["sh", large]), "E2BIG", "posix_spawn", shell);
  const refused = (fileActions: FileAction[], code: string, name: string, path?: string) =>
    throwsSystemError(() => posixSpawn(shell, ["sh"], { fileActions }), code, name, path);
  refused([{ action: "dup2", from: 999, to: 1 }], "EBADF", "posix_spawn", shell);
  refused([{ action: "open", fd: 5, path: nowhere, flags: 0 }], "ENOENT", "posix_spawn", shell);
  refused([{ action: "dup2", from: -1, to: 1 }], "EBADF", "posix_spawn_file_actions_adddup2");
  refused([{ action: "close", fd: -1 }], "EBADF", "posix_spawn_file_actions_addclose");
  refused([{ action: "open", fd: -1, path: "/", flags: 0 }], "EBADF", "posix_spawn_file_actions_addopen");
  throwsSystemError(() => posixSpawn(shell, ["sh"], { processGroup: 1 }), "EPERM", "posix_spawn", shell);
  throwsSystemError(() => posixSpawn(shell, ["sh"], { signalMask: [65] }), "EINVAL", "sigaddset");
  throwsSystemError(() => waitpid(getpid()), "ECHILD", "waitpid");
  throwsSystemError(() => waitpid(-(2 ** 31)), "ESRCH", "waitpid");
  throwsSystemError(() => waitpid(1, 0x100), "EINVAL", "waitpid");
});

test("a file action changes the folder", () => {
  assert.is(outputOf("pwd", { fileActions: [{ action: "chdir", path: "/proc" }] }), "/proc\n");
  const missing: FileAction[] = [{ action: "chdir", path: "/no/such/folder" }];
  throwsSystemError(() => posixSpawn("/bin/sh", ["sh"], { fileActions: missing }), "ENOENT", "posix_spawn", "/bin/sh");
});

for (const [name, spawn] of [
  ["posix_spawn", posixSpawn],
  ["posix_spawnp", posixSpawnp],
] as const) {
  test(`what ${name} refuses, errno for errno`, () => {
    const folder = mkdtempSync(join(tmpdir(), "spawn-"));
    const path = (what: string) => join(folder, what);
    const refused = (file: string, code: string, args = ["x"]) =>
      throwsSystemError(() => spawn(file, args), code, name, file);
    symlinkSync(path("circle"), path("circle"));
    refused(path("circle"), "ELOOP");
    refused(path("x".repeat(256)), "ENAMETOOLONG");
    refused(path("missing"), "ENOENT");
    writeFileSync(path("text"), "no program", { mode: 0o600 });
    refused(path("text"), "EACCES");
    refused(path("text/x"), "ENOTDIR");
    chmodSync(path("text"), 0o700);
    refused(path("text"), "ENOEXEC");
    copyFileSync("/bin/true", path("program"));
    const writer = open(path("program"), O_WRONLY);
    refused(path("program"), "ETXTBSY");
    close(writer);
    refused("/bin/true", "E2BIG", ["x", "x".repeat(1 << 18)]);
    const given = (
      options: SpawnOptions,
      code: string,
      call = name as string,
      file: string | undefined = "/bin/true",
    ) => throwsSystemError(() => spawn("/bin/true", ["true"], options), code, call, file);
    given({ fileActions: [{ action: "dup2", from: 999, to: 1 }] }, "EBADF");
    given({ processGroup: -5 }, "EINVAL");
    given({ processGroup: 2 ** 22 + 1 }, "EPERM");
    throwsSystemError(() => spawn("/bin/true", ["true"], { defaultSignals: [65] }), "EINVAL", "sigaddset");
    rmSync(folder, { recursive: true });
  });
}

test("misuse is refused before the call", () => {
  assert.throws(() => posixSpawn("a\0", []), /NUL/);
  assert.throws(() => posixSpawn("/bin/sh", ["sh", "a\0"]), /NUL/);
  assert.throws(() => posixSpawn("/bin/sh", ["sh"], { env: { A: "\0" } }), /NUL/);
  const wrong = { action: "umask", path: "/" } as never;
  assert.throws(() => posixSpawn("/bin/sh", ["sh"], { fileActions: [wrong] }), /"action":"umask"/);
  assert.throws(() => posixSpawn("/bin/sh", ["sh"], { processGroup: 0.5 }), /processGroup is 0.5/);
  assert.throws(() => waitpid(0.5), /pid is 0.5/);
});

leakCheck(test);
test.run();
