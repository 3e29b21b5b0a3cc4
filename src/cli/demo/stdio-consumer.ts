import { type ChildProcess, spawn } from "node:child_process";
import type { Readable } from "node:stream";
import { LineSplitter } from "../line-splitter.ts";
import { Arrival } from "./arrival.ts";
import type { Orders } from "./orders.ts";
import type { FailedReport, LoadedReport, Order, StartOrder } from "./protocol.ts";
import { START_MESSAGE } from "./start-message.ts";
import { workerCommand } from "./worker-command.ts";

/** Starts a producer as a child process and reads its standard output, as programs do without millrace. */
export async function runStdioConsumer(start: StartOrder, orders: Orders): Promise<void> {
  const [command, ...args] = workerCommand(undefined);
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] });
  const tell = (order: Order) => child.stdin.write(`${JSON.stringify(order)}\n`);
  try {
    tell({ ...start, role: "stdio-producer" });
    await orders.report(await readLoaded(child.stdout));
    const { bytes } = await orders.expect("open");
    const arrival = new Arrival(bytes, orders);
    await orders.report({ report: "opened" });
    while ((await orders.next()).order === "pass") {
      arrival.reset();
      await orders.report({ report: "ready" });
      const complete = collect(child, arrival);
      tell({ order: "pass" });
      await complete;
      await orders.report(arrival.passed());
    }
    tell({ order: "end" });
    await new Promise((resolve) => child.once("exit", resolve));
  } finally {
    child.kill("SIGKILL");
  }
  await orders.report({ report: "ended" });
}

/** Reads the line that the producer sends first. */
function readLoaded(stream: Readable): Promise<LoadedReport> {
  const splitter = new LineSplitter(4096);
  return new Promise((resolve, reject) => {
    const read = (chunk: Uint8Array) => {
      for (const line of splitter.split(chunk)) {
        stream.off("data", read).pause();
        const report = JSON.parse(new TextDecoder().decode(line)) as LoadedReport | FailedReport;
        if (report.report === "loaded") resolve(report);
        else reject(new Error(report.message));
      }
    };
    stream.on("data", read);
    stream.once("end", () => reject(new Error("The producer ended before it had the file")));
  });
}

/** Collects what comes from the start message on. */
function collect(child: ChildProcess, arrival: Arrival): Promise<void> {
  const stream = child.stdout as Readable;
  return new Promise((resolve, reject) => {
    let started = false;
    const finish = (error?: unknown) => {
      stream.off("data", read).off("end", cut).pause();
      if (error === undefined) resolve();
      else reject(error);
    };
    const cut = () => finish(new Error("The producer ended in the middle"));
    const read = (chunk: Uint8Array) => {
      try {
        const data = started ? chunk : chunk.subarray(START_MESSAGE.length);
        if (!started) arrival.start();
        started = true;
        if (data.length > 0) arrival.add(data);
        if (arrival.complete) finish();
      } catch (error) {
        finish(error);
      }
    };
    stream.on("data", read).once("end", cut).resume();
  });
}
