/** Begins a group of its own; then, as a child that it starts in its group, a session; and prints what it got and what was refused. */
import { spawnSync } from "node:child_process";
import { getpgid, getpid, getsid, SystemError, setpgid, setsid } from "../../../src/ffi/mod.ts";

const isChild = process.argv.includes("child");
const own = getpid();
if (isChild) {
  console.log("session", setsid() === own && getsid() === own && getpgid() === own, code(setsid), code(regroup));
} else {
  setpgid(0, 0);
  console.log("group", getpgid() === own, code(setsid));
  const [, ...args] = process.argv;
  spawnSync(process.execPath, [...process.execArgv, ...args, "child"], { stdio: "inherit" });
}

function regroup(): void {
  setpgid(0, 0);
}

function code(call: () => unknown): string {
  try {
    call();
    return "success";
  } catch (error) {
    return error instanceof SystemError ? error.code : String(error);
  }
}
