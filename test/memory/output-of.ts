import { execFile } from "node:child_process";
import { promisify } from "node:util";

/** What a program says on standard output; rejects when it fails. */
export async function outputOf(program: string, args: readonly string[], env: Record<string, string>): Promise<string> {
  const { stdout } = await promisify(execFile)(program, args, { env: { ...process.env, ...env } });
  return stdout;
}
