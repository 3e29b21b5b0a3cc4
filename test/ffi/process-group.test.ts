import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  close,
  getpgid,
  getpid,
  getppid,
  getsid,
  kill,
  pipe2,
  posixSpawn,
  read,
  SIGKILL,
  setpgid,
  WOULD_BLOCK,
  waitpid,
} from "../../src/ffi/mod.ts";
import { deadline } from "../support/deadline.ts";
import { startPeer } from "../support/peer-process.ts";
import { currentRuntime } from "../support/runtimes.ts";
import { throwsSystemError } from "../support/throws-system-error.ts";

/** A process id that no process has. */
const NOBODY = 2 ** 22 + 1;

test("a child has the group and the session that it was given", () => {
  assert.is(getpgid(), getpgid(getpid()));
  assert.is(getsid(), getsid(getpid()));
  const start = (options: { processGroup?: number; newSession?: boolean }) =>
    posixSpawn("/bin/sleep", ["sleep", "1000"], options);
  const children = [start({}), start({ processGroup: 0 }), start({ newSession: true })] as const;
  const [same, group, session] = children;
  assert.equal([getpgid(same), getsid(same)], [getpgid(), getsid()]);
  assert.equal([getpgid(group), getsid(group)], [group, getsid()]);
  assert.equal([getpgid(session), getsid(session)], [session, session]);
  const joined = start({ processGroup: group });
  assert.is(getpgid(joined), group);
  for (const pid of [...children, joined]) {
    assert.is(waitpid(pid, 1), WOULD_BLOCK);
    kill(pid, SIGKILL);
    waitpid(pid);
  }
});

test("what the system refuses", () => {
  throwsSystemError(() => getpgid(NOBODY), "ESRCH", "getpgid");
  throwsSystemError(() => getsid(NOBODY), "ESRCH", "getsid");
  throwsSystemError(() => setpgid(getppid(), 0), "ESRCH", "setpgid");
  throwsSystemError(() => setpgid(0, -1), "EINVAL", "setpgid");
  const [readEnd, writeEnd] = pipe2();
  const child = posixSpawn("/bin/sh", ["sh", "-c", "echo; exec sleep 1000"], {
    fileActions: [{ action: "dup2", from: writeEnd, to: 1 }],
  });
  // posixSpawn() returns a little before the kernel counts the child as one that has called exec
  assert.is(read(readEnd, new Uint8Array(1)), 1);
  for (const fd of [readEnd, writeEnd]) close(fd);
  throwsSystemError(() => setpgid(child, child), "EACCES", "setpgid");
  kill(child, SIGKILL);
  waitpid(child);
});

test(
  "a process begins a group, a session, and no second one",
  deadline(30_000, async () => {
    const peer = startPeer(currentRuntime(), "test/ffi/peers/session-beginner.ts", []);
    const { lines } = await peer.exit();
    assert.equal(lines, ["group true EPERM", "session true EPERM EPERM"]);
  }),
);

test("misuse is refused before the call", () => {
  assert.throws(() => getpgid(0.5), /pid is 0.5/);
  assert.throws(() => getsid(2 ** 31), /pid is 2147483648/);
  assert.throws(() => setpgid(0, 0.5), /group is 0.5/);
});

test.run();
