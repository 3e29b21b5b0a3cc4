import { lazyBind } from "../../src/ffi/bind.ts";

const calls = lazyBind({ seteuid: { parameters: ["u32"], result: "i32" } });

/** A user without privilege. */
export const NOBODY = 65_534;

/** Whether {@link asNobody} can do it here. */
export function isRoot(): boolean {
  return process.getuid?.() === 0;
}

/** Does something with the permissions of a user without privilege; only root can. */
export function asNobody<Result>(action: () => Result): Result {
  if (calls().seteuid(NOBODY) !== 0) throw new Error("seteuid failed: the tests do not run as root");
  try {
    return action();
  } finally {
    if (calls().seteuid(0) !== 0) throw new Error("seteuid failed: the process does not become root again");
  }
}
