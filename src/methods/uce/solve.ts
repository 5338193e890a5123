import type { MethodContext, WeightEdit } from '../method.ts';
import { solveEdit } from './closed-form.ts';
import { Products } from './products.ts';
import type { UceSettings } from './settings.ts';
import { statePairs } from './token-states.ts';

/** Solves for UCE's edit; the prompts' states are all that it needs of the model. */
export async function solveUce({
  settings,
  checkpoint,
  prompts,
  threads,
}: MethodContext<UceSettings>): Promise<WeightEdit> {
  const { width } = checkpoint.condition;
  const { regularization } = settings;
  const pairs = await statePairs(checkpoint, prompts, { settings, width });
  const products = new Products(threads);
  try {
    const edit = await solveEdit(pairs, { width, regularization }, products);
    return {
      apply: (weights, shape) => products.applyEdit(weights, shape, edit),
      release: () => products.release(),
    };
  } catch (error) {
    await products.release();
    throw error;
  }
}
