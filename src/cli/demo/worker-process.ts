import { type ChildProcess, spawn } from "node:child_process";
import { LineSplitter } from "../line-splitter.ts";
import type { FailedReport, Order, Report } from "./protocol.ts";

const MAX_REPORT_BYTES = 64 * 1024;

interface Waiter {
  readonly name: Report["report"];
  resolve(report: Report): void;
  reject(error: unknown): void;
}

/**
 * The driver's side of the talk with a worker. A worker leads a process group of its own, so that Ctrl-C on the terminal reaches the
 * driver alone, which then ends the worker with all that this has started.
 */
export class WorkerProcess {
  readonly #child: ChildProcess;
  readonly #exited: Promise<void>;
  readonly #onProgress: (bytes: number) => void;
  readonly #reports: Report[] = [];
  #waiter: Waiter | undefined;
  #failure: Error | undefined;

  /**
   * Starts it.
   *
   * @param commandLine see `workerCommand`
   * @param descriptor what it gets as descriptor 3
   */
  constructor(
    [command, ...args]: readonly [command: string, ...args: string[]],
    descriptor: number | undefined,
    onProgress: (bytes: number) => void,
  ) {
    this.#onProgress = onProgress;
    const extra = descriptor === undefined ? [] : [descriptor];
    this.#child = spawn(command, args, { stdio: ["pipe", "pipe", "inherit", ...extra], detached: true });
    this.#exited = new Promise((resolve) => {
      this.#child.once("exit", (code, signal) => {
        this.#fail(new Error(`A worker of the demo ended with ${signal ?? `status ${code}`}`));
        resolve();
      });
      this.#child.once("error", (cause) => {
        this.#fail(new Error(`Cannot start ${command}: ${cause.message}`, { cause }));
        if (this.#child.pid === undefined) resolve();
      });
    });
    // one that has gone is told of by its exit
    this.#child.stdin?.on("error", () => {});
    const splitter = new LineSplitter(MAX_REPORT_BYTES);
    this.#child.stdout?.on("data", (chunk: Uint8Array) => {
      for (const line of splitter.split(chunk)) this.#take(JSON.parse(new TextDecoder().decode(line)) as Report);
    });
  }

  tell(order: Order): void {
    this.#child.stdin?.write(`${JSON.stringify(order)}\n`);
  }

  /** Waits for the next report, which has to be this one. Progress is no report here. */
  expect<Name extends Report["report"]>(name: Name): Promise<Extract<Report, { report: Name }>> {
    return new Promise((resolve, reject) => {
      this.#waiter = { name, resolve: resolve as (report: Report) => void, reject };
      this.#serve();
    });
  }

  /** Ends it, whatever it does. */
  async kill(): Promise<void> {
    const { pid } = this.#child;
    if (pid !== undefined) killGroup(pid);
    await this.#exited;
  }

  #take(report: Report): void {
    if (report.report === "progress") {
      this.#onProgress(report.bytes);
    } else {
      this.#reports.push(report);
      this.#serve();
    }
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#serve();
  }

  #serve(): void {
    const waiter = this.#waiter;
    const report = this.#reports[0];
    if (waiter === undefined || (report === undefined && this.#failure === undefined)) return;
    this.#waiter = undefined;
    this.#reports.shift();
    if (report === undefined) waiter.reject(this.#failure);
    else if (report.report === waiter.name) waiter.resolve(report);
    else
      waiter.reject(
        new Error((report as FailedReport).message ?? `A worker said "${report.report}" instead of "${waiter.name}"`),
      );
  }
}

function killGroup(leader: number): void {
  try {
    process.kill(-leader, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
