// How popen(3) and pclose(3) are made: a pipe, a shell that has one end of it as its standard input or output, and waitpid.
//
// Run it: bun examples/textbook/own-popen.ts
import assert from "node:assert/strict";
import { popen as libraryPopen, SystemError } from "millrace";
import { type ChildStatus, close, pipe2, posixSpawn, read, SIGPIPE, SIGTERM, waitpid, write } from "millrace/ffi";

const STDIN = 0;
const STDOUT = 1;
const STDERR = 2;

/** A command under way, and this process's end of the pipe to it. */
interface Command {
  pid: number;
  fd: number;
}

/**
 * Starts a shell command.
 *
 * @param mode "r": what it prints can be read from `fd`; "w": what is written to `fd` is its input
 */
function popen(command: string, mode: "r" | "w"): Command {
  // Both ends are closed in children, but for the copy that dup2 makes. Without that a second command would inherit this process's
  // end of the first one's pipe, and a command that reads to the end of its input would wait for the other one.
  const [readEnd, writeEnd] = pipe2();
  const [mine, its, standard] = mode === "r" ? [readEnd, writeEnd, STDOUT] : [writeEnd, readEnd, STDIN];
  try {
    const pid = posixSpawn("/bin/sh", ["sh", "-c", command], {
      fileActions: [
        // Node closes its own standard streams in children that it does not start itself; a copy of each to itself keeps them open
        ...[STDIN, STDOUT, STDERR].map((fd) => ({ action: "dup2", from: fd, to: fd }) as const),
        { action: "dup2", from: its, to: standard },
      ],
      defaultSignals: [SIGPIPE], // this process ignores it, and a child would inherit that
    });
    return { pid, fd: mine };
  } catch (error) {
    close(mine);
    throw error;
  } finally {
    close(its); // else this process would be one more reader or writer, and nobody would see the end
  }
}

/** Closes the pipe, which ends the command's input, and waits until it has ended. */
function pclose({ pid, fd }: Command): ChildStatus {
  close(fd);
  for (;;) {
    const status = waitpid(pid);
    if (typeof status === "object") return status; // else a signal came while it waited
  }
}

function readAll(fd: number): string {
  const chunks: Uint8Array[] = [];
  for (;;) {
    const chunk = new Uint8Array(4096);
    const count = read(fd, chunk);
    if (count === 0) return Buffer.concat(chunks).toString();
    chunks.push(chunk.subarray(0, count));
  }
}

function writeAll(fd: number, text: string) {
  let rest = new TextEncoder().encode(text);
  while (rest.length > 0) rest = rest.subarray(write(fd, rest));
}

function exitCode(status: ChildStatus): number | undefined {
  return status.kind === "exited" ? status.code : undefined;
}

const fruit = popen("printf 'pear\\napple\\nfig\\n' | sort", "r");
console.log(`read from a command: ${readAll(fruit.fd).trimEnd().split("\n")}`);
assert.equal(exitCode(pclose(fruit)), 0);

const shout = popen("tr a-z A-Z", "w");
writeAll(shout.fd, "written to a command\n");
assert.equal(exitCode(pclose(shout)), 0); // it has printed by now

// the first sees the end of its input although the second was started later and is still there
const first = popen("cat", "w");
const second = popen("cat", "w");
assert.equal(exitCode(pclose(first)), 0);
assert.equal(exitCode(pclose(second)), 0);
console.log("two at once, neither holds the pipe of the other");

console.log(`a command that failed: status ${exitCode(pclose(popen("exit 3", "r")))}`);

const killed = pclose(popen("kill -TERM $$", "r"));
assert(killed.kind === "killed" && killed.signal === SIGTERM);
console.log("a command that was killed: by SIGTERM");

// to stop reading ends a program that writes without end: SIGPIPE
const endless = popen("exec yes", "r");
assert(read(endless.fd, new Uint8Array(100)) > 0);
const stopped = pclose(endless);
assert(stopped.kind === "killed" && stopped.signal === SIGPIPE);
console.log("a command whose output nobody reads any more: by SIGPIPE");

const deaf = popen("exec <&-", "w");
console.log(`a write to a command that does not read: ${writeUntilItFails(deaf.fd)}`);
pclose(deaf);

// the library's popen does this and waits without blocking the event loop
await using sorted = libraryPopen("printf 'pear\\napple\\nfig\\n' | sort", "r");
console.log(`the library's popen: ${(await sorted.text()).trimEnd().split("\n")}`);
assert.deepEqual(await sorted.close(), { kind: "exited", code: 0 });

function writeUntilItFails(fd: number): string {
  try {
    for (;;) writeAll(fd, "is anybody there?\n");
  } catch (error) {
    assert(error instanceof SystemError);
    return error.code;
  }
}

// Output:
// read from a command: apple,fig,pear
// WRITTEN TO A COMMAND
// two at once, neither holds the pipe of the other
// a command that failed: status 3
// a command that was killed: by SIGTERM
// a command whose output nobody reads any more: by SIGPIPE
// a write to a command that does not read: EPIPE
// the library's popen: apple,fig,pear
