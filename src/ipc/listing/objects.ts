import { gc } from "./gc.ts";
import { list } from "./list.ts";
import { remove } from "./remove.ts";

/** The objects of this machine that outlive the processes that made them: to see them, to remove one, and to tidy up after killed processes. */
export const objects: { readonly list: typeof list; readonly remove: typeof remove; readonly gc: typeof gc } = {
  list,
  remove,
  gc,
};
