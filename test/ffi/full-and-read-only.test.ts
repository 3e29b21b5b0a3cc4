/** What calls of several groups say where there is no more room, in namespaces of their own, so that no limit of the machine is touched. */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { isRoot } from "../support/as-nobody.ts";
import { deadline } from "../support/deadline.ts";
import { commandFor, currentRuntime } from "../support/runtimes.ts";
import { skip } from "../support/skip.ts";

async function linesOf(namespaces: string[], args: string[]): Promise<string[]> {
  const { command, args: all, env } = commandFor(currentRuntime(), "test/ffi/peers/own-namespaces.ts", args);
  const { stdout } = await promisify(execFile)("unshare", [...namespaces, command, ...all], {
    env: { ...process.env, ...env },
  });
  return stdout.trim().split("\n");
}

test(
  "ENOSPC, EROFS, EDQUOT and ENODEV",
  deadline(60_000, async () => {
    if (!isRoot()) return skip("needs root, to mount file systems in a namespace");
    const folder = mkdtempSync(join(tmpdir(), "full-"));
    let lines: string[];
    try {
      lines = await linesOf(["--mount", "--ipc"], ["mounts", folder]);
    } finally {
      rmSync(folder, { recursive: true });
    }
    const noQuota = "quota: none in this kernel";
    if (lines.includes(noQuota)) skip("EDQUOT needs a kernel with quotas of tmpfs");
    assert.equal(lines, [
      "full: open=ENOSPC mkfifo=ENOSPC bind=ENOSPC linkDescriptor=ENOSPC",
      "read-only: open=EROFS mkfifo=EROFS bind=EROFS open to write=EROFS linkDescriptor=EROFS renameExchange=EROFS",
      "device: open=ENODEV",
      lines.includes(noQuota) ? noQuota : "quota: open=EDQUOT mkfifo=EDQUOT bind=EDQUOT write=EDQUOT",
      "/dev/shm: shmOpen=ENOSPC semOpen=ENOSPC",
      "IPC: msgget=ENOSPC shmget=ENOSPC semget=ENOSPC mqOpen=ENOSPC",
    ]);
  }),
);

test(
  "the user's limits of inotify",
  deadline(60_000, async () => {
    if (!isRoot()) return skip("needs root, where user namespaces are not for everybody");
    const lines = await linesOf(["--user", "--map-root-user"], ["users"]);
    assert.equal(lines, ["users: inotifyInit1=EMFILE inotifyAddWatch=ENOSPC"]);
  }),
);

test.run();
