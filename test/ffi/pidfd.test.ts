import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  close,
  FD_CLOEXEC,
  getDescriptorFlags,
  getpid,
  memfdCreate,
  POLLIN,
  pidfdOpen,
  pidfdSendSignal,
  pollOne,
  posixSpawnp,
  SIGKILL,
  SIGTERM,
  waitpid,
} from "../../src/ffi/mod.ts";
import { asNobody, isRoot } from "../support/as-nobody.ts";
import { deadline } from "../support/deadline.ts";
import { leakCheck } from "../support/leak-check.ts";
import { skip } from "../support/skip.ts";
import { throwsSystemError } from "../support/throws-system-error.ts";

/** A process id that no process has. */
const NOBODY = 2 ** 22 + 1;

test(
  "a descriptor of a process can be read when it has ended, before and after somebody waited for it",
  deadline(30_000, () => {
    const pid = posixSpawnp("sleep", ["sleep", "1000"]);
    const pidfd = pidfdOpen(pid);
    assert.is(getDescriptorFlags(pidfd), FD_CLOEXEC);
    assert.is(pollOne(pidfd, POLLIN, 0), 0);
    pidfdSendSignal(pidfd, 0);
    pidfdSendSignal(pidfd, SIGTERM);
    assert.is(pollOne(pidfd, POLLIN, Number.POSITIVE_INFINITY), POLLIN);
    pidfdSendSignal(pidfd, SIGKILL);
    assert.equal(waitpid(pid), { pid, kind: "killed", signal: SIGTERM, coreDumped: false });
    assert.is(pollOne(pidfd, POLLIN, 0) & POLLIN, POLLIN);
    throwsSystemError(() => pidfdSendSignal(pidfd, 0), "ESRCH", "pidfd_send_signal");
    close(pidfd);
    throwsSystemError(() => pidfdSendSignal(pidfd, 0), "EBADF", "pidfd_send_signal");
  }),
);

test("they throw what the system says", () => {
  throwsSystemError(() => pidfdOpen(NOBODY), "ESRCH", "pidfd_open");
  throwsSystemError(() => pidfdOpen(0), "EINVAL", "pidfd_open");
  throwsSystemError(() => pidfdOpen(getpid(), 1), "EINVAL", "pidfd_open");
  const pidfd = pidfdOpen(getpid());
  throwsSystemError(() => pidfdSendSignal(pidfd, 65), "EINVAL", "pidfd_send_signal");
  close(pidfd);
  const file = memfdCreate("not a process");
  throwsSystemError(() => pidfdSendSignal(file, 0), "EBADF", "pidfd_send_signal");
  close(file);
  assert.throws(() => pidfdOpen(0.5), /pid is 0.5/);
});

test("another user's process is refused", () => {
  if (!isRoot()) return skip("needs root");
  const pidfd = pidfdOpen(1);
  asNobody(() => throwsSystemError(() => pidfdSendSignal(pidfd, 0), "EPERM", "pidfd_send_signal"));
  close(pidfd);
});

leakCheck(test);
test.run();
