/** Something that costs time inside of one process. */
export interface Task {
  /** What is done, the same on every runtime. */
  readonly job: string;
  /** Who does it, where one runtime has several. */
  readonly contender?: string;
  /** How many times it is done in one call of `run`, so that looking at the clock does not count. */
  readonly times: number;
  /** Throws when something else comes out than should. */
  run(): void | Promise<void>;
  /** Called at the end. */
  close?(): Promise<void>;
}
