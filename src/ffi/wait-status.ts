/** How a child ended or changed, from `waitpid`. */
export type ChildStatus =
  | { kind: "exited"; code: number }
  | { kind: "killed"; signal: number; coreDumped: boolean }
  | { kind: "stopped"; signal: number }
  | { kind: "continued" };

/** What `WIFEXITED`, `WEXITSTATUS`, `WTERMSIG`, `WCOREDUMP`, `WSTOPSIG` and `WIFCONTINUED` of C make of a status. */
export function decodeWaitStatus(status: number): ChildStatus {
  if (status === 0xffff) return { kind: "continued" };
  const signal = status & 0x7f;
  if (signal === 0) return { kind: "exited", code: (status >> 8) & 0xff };
  if (signal === 0x7f) return { kind: "stopped", signal: (status >> 8) & 0xff };
  return { kind: "killed", signal, coreDumped: (status & 0x80) !== 0 };
}
