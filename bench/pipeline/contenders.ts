import { closeSync } from "node:fs";
import { join } from "node:path";
import { pipe2 } from "../../src/ffi/fd.ts";
import { Channel } from "../../src/mod.ts";
import { commandFor } from "../../test/support/runtimes.ts";
import type { Figure } from "../suite/result.ts";
import { LEAST_AMOUNT, REGIONS, type Totals } from "./rows.ts";
import type { Command } from "./run.ts";

/** One way to build the pipeline. */
export interface Contender {
  readonly name: string;
  readonly kind: Figure["kind"];
  readonly runtime: string;
  readonly note?: string;
  prepare(file: string): Prepared;
}

/** A pipeline that can be started once. */
export interface Prepared {
  readonly commands: readonly Command[];
  /** The processes have what they need. */
  started(): void;
  parse(output: string): Totals;
  finish?(): Promise<void>;
}

export const PIPELINE_CONTENDERS: readonly Contender[] = [
  ringPipeline("rings, blocks in place", "blocks-in-place"),
  ringPipeline("rings, blocks", "blocks"),
  ringPipeline("rings, a message for each row", "messages"),
  { name: "pipes, blocks", kind: "millrace", runtime: "bun", prepare: pipesWithBlocks },
  {
    name: "Bun stdio, a line of JSON for each row",
    kind: "peer",
    runtime: "bun",
    note: "Each process has to parse again what the one before it has made",
    prepare: pipesWithLines,
  },
  {
    name: "cut | grep | awk",
    kind: "native",
    runtime: "c",
    note: "Does not parse JSON: it relies on the order of the fields, and on notes without a comma",
    prepare: shellTools,
  },
  {
    name: "one process",
    kind: "peer",
    runtime: "bun",
    note: "The same work without a pipeline: what the others gain is a second processor, what they pay is the way between them",
    prepare: oneProcess,
  },
];

let made = 0;

function ringPipeline(name: string, link: string): Contender {
  return {
    name,
    kind: "millrace",
    runtime: "bun",
    prepare(file) {
      const first = `ring:rows-${++made}`;
      const second = `ring:rows-${++made}`;
      return {
        commands: [
          { command: stage("parse", link, file, first), stdio: ["ignore", "inherit", "inherit"] },
          { command: stage("filter", link, first, second), stdio: ["ignore", "inherit", "inherit"] },
          { command: stage("aggregate", link, second), stdio: ["ignore", "pipe", "inherit"] },
        ],
        started() {},
        parse: JSON.parse,
        async finish() {
          await Channel.remove(first);
          await Channel.remove(second);
        },
      };
    },
  };
}

function pipesWithBlocks(file: string): Prepared {
  const pipes = twoPipes();
  return {
    commands: [
      { command: stage("parse", "blocks", file, "pipe:3"), stdio: ["ignore", "inherit", "inherit", pipes.firstIn] },
      {
        command: stage("filter", "blocks", "pipe:3", "pipe:4"),
        stdio: ["ignore", "inherit", "inherit", pipes.firstOut, pipes.secondIn],
      },
      { command: stage("aggregate", "blocks", "pipe:3"), stdio: ["ignore", "pipe", "inherit", pipes.secondOut] },
    ],
    started: pipes.close,
    parse: JSON.parse,
  };
}

function pipesWithLines(file: string): Prepared {
  const pipes = twoPipes();
  return {
    commands: [
      { command: stage("parse", "json-lines", file), stdio: ["ignore", pipes.firstIn, "inherit"] },
      { command: stage("filter", "json-lines"), stdio: [pipes.firstOut, pipes.secondIn, "inherit"] },
      { command: stage("aggregate", "json-lines"), stdio: [pipes.secondOut, "pipe", "inherit"] },
    ],
    started: pipes.close,
    parse: JSON.parse,
  };
}

function shellTools(file: string): Prepared {
  const pipes = twoPipes();
  // "region":"eu-west","kind":"purchase","amount":1999
  const wanted = `"kind":"purchase","amount":([${LEAST_AMOUNT / 100}-9][0-9]{2}|[0-9]{4,})`;
  const sum = '{ rows[$3]++; amount[$3] += $NF } END { for (r in rows) printf "%s %d %.0f\\n", r, rows[r], amount[r] }';
  return {
    commands: [
      { command: ["cut", "-d,", "-f4-6", file], stdio: ["ignore", pipes.firstIn, "inherit"] },
      { command: ["grep", "-E", wanted], stdio: [pipes.firstOut, pipes.secondIn, "inherit"] },
      { command: ["awk", "-F", '[":,]+', sum], stdio: [pipes.secondOut, "pipe", "inherit"] },
    ],
    started: pipes.close,
    parse(output) {
      const found = new Map(
        output
          .trim()
          .split("\n")
          .map((line) => [line.split(" ")[0], line.split(" ")] as const),
      );
      return Object.fromEntries(
        REGIONS.map((region) => [
          region,
          { rows: Number(found.get(region)?.[1] ?? 0), amount: Number(found.get(region)?.[2] ?? 0) },
        ]),
      );
    },
  };
}

function oneProcess(file: string): Prepared {
  return {
    commands: [{ command: stage("all", "blocks", file), stdio: ["ignore", "pipe", "inherit"] }],
    started() {},
    parse: JSON.parse,
  };
}

function stage(...args: string[]): string[] {
  const script = join(import.meta.dirname, "stage.ts");
  const { command, args: all } = commandFor("bun", script, args);
  return [command, ...all];
}

function twoPipes() {
  const [firstOut, firstIn] = pipe2();
  const [secondOut, secondIn] = pipe2();
  const close = () => {
    for (const descriptor of [firstOut, firstIn, secondOut, secondIn]) closeSync(descriptor);
  };
  return { firstIn, firstOut, secondIn, secondOut, close };
}
