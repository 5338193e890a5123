import { z } from 'zod';

/** What is being done with the model of a host, as it is kept on the disk. */
export const modelStateSchema = z.discriminatedUnion('state', [
  /** The host has its active model, and nothing is owed to it. */
  z.object({ state: z.literal('settled') }),
  /** Pictures are drawn with a model that need not be the active one. */
  z.object({ state: z.literal('drawing'), active: z.string(), drawing: z.string() }),
  /** Another model is being made the active one; `from` is null where there was none. */
  z.object({ state: z.literal('swapping'), from: z.string().nullable(), to: z.string() }),
]);
/** See `modelStateSchema`. */
export type ModelState = z.infer<typeof modelStateSchema>;

/** What may follow on what. A swap ends with a picture of the active model, and so settles all. */
const transitions: Readonly<Record<ModelState['state'], readonly ModelState['state'][]>> = {
  settled: ['drawing', 'swapping'],
  drawing: ['drawing', 'swapping', 'settled'],
  // A swap that was cut off is followed by another where nobody has come to settle it.
  swapping: ['swapping', 'settled'],
};

/**
 * The state after another one.
 *
 * @throws Error for a transition that there is not: a bug
 */
export function nextModelState(from: ModelState, to: ModelState): ModelState {
  if (transitions[from.state].includes(to.state)) return to;
  throw new Error(`the model of a host cannot go from ${from.state} to ${to.state}`);
}
