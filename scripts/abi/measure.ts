import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CONSTANTS, HEADERS, STRUCTS } from "./names.ts";

/** What the compiler of one platform says. */
export interface Measured {
  constants: Record<string, number>;
  structs: Record<string, { sizeof: number; members: Record<string, MeasuredMember> }>;
  /** errno by name, with the text of strerror(3) */
  errno: Record<string, [value: number, text: string]>;
}

export interface MeasuredMember {
  offset: number;
  size: number;
  signed: boolean;
}

/** A platform, the compiler for it, and what runs its programs here. */
export interface Target {
  platform: string;
  compiler: string;
  runner: readonly string[];
}

/** The platforms that have tables. The one of this machine is compiled natively, the others with Debian's cross tools. */
export const TARGETS: readonly Target[] = [
  target("linux-x64", "x86_64-linux-gnu-gcc", "qemu-x86_64-static"),
  target("linux-arm64", "aarch64-linux-gnu-gcc", "qemu-aarch64-static"),
];

/** Why this machine cannot compile and run programs for the target, or `undefined` when it can. */
export function missingTool({ compiler, runner }: Target): string | undefined {
  return [compiler, ...runner].find((command) => !isInstalled(command));
}

/**
 * Compiles a C program against the system's own headers, runs it, and returns what it prints: every constant, `sizeof` and
 * `offsetof` that `names.ts` asks for, and every errno that the headers have.
 */
export function measure(target: Target): Measured {
  const folder = mkdtempSync(join(tmpdir(), "millrace-abi-"));
  try {
    const source = join(folder, "abi.c");
    const program = join(folder, "abi");
    writeFileSync(source, cProgram(errnoNames(target.compiler)));
    execFileSync(target.compiler, ["-std=gnu11", "-Wall", "-Werror", "-static", "-o", program, source], {
      stdio: "pipe",
    });
    const [command = program, ...args] = [...target.runner, program];
    return readOutput(execFileSync(command, args, { encoding: "utf8", env: { ...process.env, LC_ALL: "C" } }));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function target(platform: string, crossCompiler: string, emulator: string): Target {
  const native = platform === `${process.platform}-${process.arch}`;
  return { platform, compiler: native ? "gcc" : crossCompiler, runner: native ? [] : [emulator] };
}

function isInstalled(command: string): boolean {
  return (process.env.PATH ?? "").split(":").some((folder) => existsSync(join(folder, command)));
}

/** Asks the preprocessor for every macro that is an errno. */
function errnoNames(compiler: string): string[] {
  const macros = execFileSync(compiler, ["-dM", "-E", "-include", "errno.h", "-x", "c", "/dev/null"], {
    encoding: "utf8",
  });
  return [...macros.matchAll(/^#define (E[A-Z0-9]+) /gm)].map((match) => match[1] as string);
}

/** The program prints one fact per line, its words separated by tabs. */
function cProgram(errnoNames: readonly string[]): string {
  const constants = Object.values(CONSTANTS).flatMap(words);
  const structs = Object.entries(STRUCTS).flatMap(([name, { type, members }]) => [
    `STRUCT(${name}, ${type});`,
    ...words(members).map((member) => `MEMBER(${name}, ${type}, ${member}, "${member.replaceAll(".", "_")}");`),
  ]);
  const statements = [
    ...constants.map((name) => `CONSTANT(${name});`),
    ...structs,
    ...errnoNames.map((name) => `ERRNO(${name});`),
  ];
  return `#define _GNU_SOURCE
#include <stddef.h>
#include <stdio.h>
#include <string.h>
${HEADERS.map((header) => `#include <${header}>`).join("\n")}

#define CONSTANT(name) printf("constant\\t%s\\t%lld\\n", #name, (long long)(name))
#define ERRNO(name) printf("errno\\t%s\\t%d\\t%s\\n", #name, name, strerror(name))
#define STRUCT(name, type) printf("struct\\t%s\\t%zu\\n", #name, sizeof(type))
#define SIGNED(value) _Generic((value), signed char: 1, short: 1, int: 1, long: 1, long long: 1, default: 0)
#define MEMBER(name, type, member, label) printf("member\\t%s\\t%s\\t%zu\\t%zu\\t%d\\n", #name, label, \\
  offsetof(type, member), sizeof(((type *)0)->member), SIGNED(((type *)0)->member))

int main(void) {
${statements.map((statement) => `  ${statement}`).join("\n")}
}
`;
}

function readOutput(output: string): Measured {
  const measured: Measured = { constants: {}, structs: {}, errno: {} };
  for (const line of output.trimEnd().split("\n")) {
    const [kind, name = "", ...values] = line.split("\t");
    if (kind === "constant") measured.constants[name] = Number(values[0]);
    if (kind === "errno") measured.errno[name] = [Number(values[0]), `${values[1]}`];
    if (kind === "struct") measured.structs[name] = { sizeof: Number(values[0]), members: {} };
    if (kind === "member") {
      const [member = "", offset, size, signed] = values;
      const members = measured.structs[name]?.members as Record<string, MeasuredMember>;
      members[member] = { offset: Number(offset), size: Number(size), signed: signed === "1" };
    }
  }
  return measured;
}

/** The words of a list that is written over several lines. */
export function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== "");
}
