/**
 * Gives a test a time limit, which uvu lacks: `test("arrives", deadline(5000, async () => { … }))`.
 * It ends the test, not the work that hangs; the runner ends the process.
 *
 * @param milliseconds long past anything a loaded machine needs
 */
export function deadline<Context>(
  milliseconds: number,
  handler: (context: Context) => void | Promise<void>,
): (context: Context) => Promise<void> {
  return async (context) => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const expired = new Promise<never>((_, reject) => {
      const error = new Error(`Still running after ${milliseconds} ms`);
      timer = setTimeout(() => reject(error), milliseconds);
    });
    try {
      await Promise.race([handler(context), expired]);
    } finally {
      clearTimeout(timer);
    }
  };
}
