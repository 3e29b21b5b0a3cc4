import type { Runtime } from "../../runtime.ts";
import type { LoadedReport, PassedReport } from "./protocol.ts";
import { COMPARISON, type Preparation, type Transport } from "./transports.ts";
import { workerCommand } from "./worker-command.ts";
import { WorkerProcess } from "./worker-process.ts";
import type { Workspace } from "./workspace.ts";

/** A producer and a consumer, ready to move a file again and again. */
export interface Pair {
  /** Waits until the producer has the file. */
  load(): Promise<LoadedReport>;
  /** Opens both ends, for so many bytes a pass. */
  open(bytes: number): Promise<void>;
  /** Moves the file once. */
  pass(): Promise<PassedReport>;
  /** Closes both ends cleanly. */
  end(): Promise<void>;
  /** Ends both processes, whatever they do, and removes what they left. */
  kill(): Promise<void>;
}

export interface PairSetup {
  readonly file: string;
  readonly runtime: Runtime | undefined;
  onProgress(bytes: number): void;
}

/** Two workers with a channel between them. */
export class ChannelPair implements Pair {
  readonly #preparation: Preparation;
  readonly #producer: WorkerProcess;
  readonly #consumer: WorkerProcess;

  constructor({ chunkBytes, prepare }: Transport, workspace: Workspace, { file, runtime, onProgress }: PairSetup) {
    const command = workerCommand(runtime);
    const preparation = prepare(workspace);
    const { sender, receiver, options } = preparation;
    this.#preparation = preparation;
    this.#producer = new WorkerProcess(command, sender.descriptor, onProgress);
    this.#consumer = new WorkerProcess(command, receiver.descriptor, onProgress);
    preparation.started?.();
    const order = { order: "start", file, options, chunkBytes } as const;
    this.#producer.tell({ ...order, role: "producer", address: sender.address });
    this.#consumer.tell({ ...order, role: "consumer", address: receiver.address });
  }

  load(): Promise<LoadedReport> {
    return this.#producer.expect("loaded");
  }

  async open(bytes: number): Promise<void> {
    await this.#both("open", "opened", bytes);
  }

  async pass(): Promise<PassedReport> {
    this.#consumer.tell({ order: "pass" });
    await this.#consumer.expect("ready");
    this.#producer.tell({ order: "pass" });
    return this.#consumer.expect("passed");
  }

  async end(): Promise<void> {
    await this.#both("end", "ended", 0);
  }

  async kill(): Promise<void> {
    await Promise.all([this.#producer.kill(), this.#consumer.kill()]);
    await this.#preparation.finish?.();
  }

  async #both(order: "open" | "end", report: "opened" | "ended", bytes: number): Promise<void> {
    for (const worker of [this.#producer, this.#consumer]) worker.tell({ order, bytes });
    await Promise.all([this.#producer.expect(report), this.#consumer.expect(report)]);
  }
}

/** One worker that starts the other one itself, with a plain pipe between them. */
export class StdioPair implements Pair {
  readonly #worker: WorkerProcess;

  constructor({ file, runtime, onProgress }: PairSetup) {
    this.#worker = new WorkerProcess(workerCommand(runtime), undefined, onProgress);
    const { chunkBytes } = COMPARISON;
    this.#worker.tell({ order: "start", role: "stdio-consumer", address: "", options: {}, file, chunkBytes });
  }

  load(): Promise<LoadedReport> {
    return this.#worker.expect("loaded");
  }

  async open(bytes: number): Promise<void> {
    this.#worker.tell({ order: "open", bytes });
    await this.#worker.expect("opened");
  }

  async pass(): Promise<PassedReport> {
    this.#worker.tell({ order: "pass" });
    await this.#worker.expect("ready");
    return this.#worker.expect("passed");
  }

  async end(): Promise<void> {
    this.#worker.tell({ order: "end" });
    await this.#worker.expect("ended");
  }

  async kill(): Promise<void> {
    await this.#worker.kill();
  }
}
