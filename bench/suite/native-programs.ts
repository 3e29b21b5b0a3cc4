import { spawnSync } from "node:child_process";
import { join, resolve } from "node:path";

/** The native contenders, compiled; or the reason why one could not be. */
export interface NativePrograms {
  readonly ringTwin: string;
  readonly transports: string;
  readonly boostQueue: string | undefined;
  readonly whyNoBoost: string;
}

const sources = resolve(import.meta.dirname, "..", "native");

/**
 * Compiles the native contenders into a folder.
 *
 * @param withBoost compiles the one with boost as well, which takes seconds
 * @throws {Error} when there is no C compiler; a C++ compiler and boost may be missing
 */
export function compileNative(folder: string, withBoost: boolean): NativePrograms {
  const ringTwin = compile("cc", "-std=gnu11", "ring-twin.c", folder);
  const transports = compile("cc", "-std=gnu11", "transports.c", folder);
  for (const { error } of [ringTwin, transports]) if (error !== undefined) throw new Error(error);
  const boost = withBoost
    ? compile("c++", "-std=c++17", "boost-queue.cpp", folder)
    : { path: "", error: "It was not asked for" };
  const noHeader = boost.error?.includes("boost/lockfree");
  return {
    ringTwin: ringTwin.path,
    transports: transports.path,
    boostQueue: boost.error === undefined ? boost.path : undefined,
    whyNoBoost: noHeader ? "boost is not installed (Debian: libboost-dev)" : `It does not compile: ${boost.error}`,
  };
}

function compile(compiler: string, standard: string, source: string, folder: string): { path: string; error?: string } {
  const path = join(folder, source.replace(/\.\w+$/, ""));
  const args = ["-O3", standard, "-o", path, join(sources, source), "-lrt"];
  const { status, stderr, error } = spawnSync(compiler, args, { encoding: "utf8" });
  if (status === 0) return { path };
  return { path, error: error?.message ?? stderr.trim() };
}
