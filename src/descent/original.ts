import type { Checkpoint } from '../families/checkpoint.ts';
import type { ParameterSpec } from '../optim/update-graph.ts';
import { readParameters } from '../pipeline/read-parameters.ts';
import { takeElements } from '../runtime/read-back.ts';
import type { TensorSet } from '../runtime/tensor-set.ts';
import { elementCount } from '../tensor/shape.ts';
import { keepsOriginal } from './descent-cost.ts';
import type { DenoisingBatch, TrainableModel } from './trainable-model.ts';

/** The model as it was before it was trained, to ask it what it predicts. */
export class Original {
  private readonly checkpoint: Checkpoint;
  private readonly names: readonly string[];
  private readonly kept: TensorSet | null;

  private constructor(checkpoint: Checkpoint, names: readonly string[], kept: TensorSet | null) {
    this.checkpoint = checkpoint;
    this.names = names;
    this.kept = kept;
  }

  static async open(
    checkpoint: Checkpoint,
    parameters: readonly ParameterSpec[],
  ): Promise<Original> {
    const names = parameters.map(({ name }) => name);
    const bytes = parameters.reduce((sum, { shape }) => sum + 4 * elementCount(shape), 0);
    const kept = keepsOriginal(bytes) ? await readParameters(checkpoint, names) : null;
    return new Original(checkpoint, names, kept);
  }

  /**
   * What it predicts at each batch: float32 [N, C, h, w] on the host.
   *
   * @param spare a set that nothing else needs now; its values may be lost
   */
  async predict(
    model: TrainableModel,
    batches: readonly DenoisingBatch[],
    spare: TensorSet,
  ): Promise<Float32Array[]> {
    const parameters = this.kept ?? (await readParameters(this.checkpoint, this.names, spare));
    const predictions: Float32Array[] = [];
    for (const batch of batches) {
      predictions.push(await takeElements(await model.predict(parameters, batch)));
    }
    return predictions;
  }

  release(): void {
    this.kept?.dispose();
  }
}
