/** Lets the event loop turn some times: what could happen without outside help has happened then. */
export async function turnEventLoop(turns = 10): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** Whether a promise is still pending after the event loop turned some times. */
export async function isPending(promise: Promise<unknown>): Promise<boolean> {
  let pending = true;
  const mark = () => {
    pending = false;
  };
  promise.then(mark, mark);
  await turnEventLoop();
  return pending;
}
