import { UsageError } from "./usage-error.ts";

/** Runs a check whose `TypeError` or `RangeError` is about what the user wrote, not about a defect of ours. */
export function asUsageError<Value>(check: () => Value): Value {
  try {
    return check();
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError)
      throw new UsageError(error.message, { cause: error });
    throw error;
  }
}
