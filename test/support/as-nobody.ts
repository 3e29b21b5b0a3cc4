import { lazyBind } from "../../src/ffi/bind.ts";

const calls = lazyBind({ setresuid: { parameters: ["i32", "i32", "i32"], result: "i32" } });

/** A user without privilege. */
const NOBODY = 65_534;
/** Leaves a user id as it is: the saved one stays root's, which is the way back. */
const KEEP = -1;

/** Whether {@link asNobody} can do it here. */
export function isRoot(): boolean {
  return process.getuid?.() === 0;
}

/** Does something with the permissions of a user without privilege; only root can. */
export function asNobody<Result>(action: () => Result): Result {
  if (calls().setresuid(NOBODY, NOBODY, KEEP) !== 0) throw new Error("setresuid failed: the tests do not run as root");
  try {
    return action();
  } finally {
    calls().setresuid(0, 0, KEEP);
  }
}
