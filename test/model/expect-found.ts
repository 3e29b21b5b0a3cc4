import * as assert from "uvu/assert";
import { explore, type Scenario, Violation } from "./explore.ts";
import { type Change, openedRing } from "./opened-ring.ts";
import type { RingModule } from "./ring-scenario.ts";

/** Makes sure that a mistake in the ring's source is found, with a message like this. */
export async function expectFound(
  change: Change,
  finds: RegExp,
  scenarioOf: (ring: RingModule) => Scenario,
): Promise<void> {
  const changed = await openedRing(change);
  try {
    explore(scenarioOf(changed));
  } catch (error) {
    assert.instance(error, Violation, String(error));
    assert.match((error as Violation).message, finds);
    return;
  }
  assert.unreachable("The mistake was not found");
}
