import { lstatSync } from "node:fs";
import { type DenoPermission, hasDenoPermission } from "../../ffi/backend/deno-permissions.ts";
import { runtime } from "../../runtime.ts";
import type { Finding } from "./finding.ts";

const NEEDED: readonly (readonly [name: DenoPermission, meaning: string])[] = [
  ["ffi", "millrace cannot call C, so nothing of it works"],
  ["read", "named objects cannot be opened"],
  ["write", "named objects cannot be made"],
  ["env", "MILLRACE_DIR, which says where named objects live, cannot be looked at"],
  ["sys", "what Deno tells of users and of the machine is missing"],
];

/** What Deno allows this process. Other runtimes allow everything. */
export function permissions(): Finding[] {
  if (runtime !== "deno") return [];
  const missing = NEEDED.filter(([name]) => !hasDenoPermission(name)).map(([name]) => name);
  return [...NEEDED.map(([name, meaning]) => judge(name, meaning, missing)), devices(missing.includes("read"))];
}

function judge(name: DenoPermission, meaning: string, missing: readonly DenoPermission[]): Finding {
  const base = { area: "permissions", name: `--allow-${name}` };
  if (!missing.includes(name)) return { ...base, value: "given", verdict: "ok" };
  const verdict = name === "sys" ? "warning" : "problem";
  return { ...base, value: "missing", verdict, meaning, remedy: `deno run ${flags(missing)} …` };
}

/** Deno lets nobody without all permissions at the files of `/dev` and `/proc`. */
function devices(cannotRead: boolean): Finding {
  const base = { area: "permissions", name: "--allow-all" };
  try {
    if (!cannotRead) lstatSync("/dev/shm");
    if (!cannotRead) return { ...base, value: "given", verdict: "ok" };
  } catch (error) {
    // without the directory: that is for places.ts
    if ((error as { code?: string }).code === "ENOENT") return { ...base, value: "given", verdict: "ok" };
  }
  const meaning =
    "Deno keeps the files of /dev and /proc to programs with all permissions: no POSIX shared memory, no list, no gc";
  return { ...base, value: "missing", verdict: "warning", meaning, remedy: "deno run --allow-all …" };
}

function flags(missing: readonly DenoPermission[]): string {
  return missing.map((name) => `--allow-${name}`).join(" ");
}
