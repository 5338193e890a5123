import type { Adaptation } from '../adapters/adapter.ts';
import { takeElements } from '../runtime/read-back.ts';
import type { TensorSet } from '../runtime/tensor-set.ts';
import { elementCount } from '../tensor/shape.ts';
import { keepsOriginal } from './descent-cost.ts';
import type { DenoisingBatch, TrainableModel } from './trainable-model.ts';

/** The model as it was before it was trained, to ask it what it predicts. */
export class Original {
  private readonly adaptation: Adaptation;
  private readonly kept: TensorSet | null;

  private constructor(adaptation: Adaptation, kept: TensorSet | null) {
    this.adaptation = adaptation;
    this.kept = kept;
  }

  static async open(adaptation: Adaptation): Promise<Original> {
    const bytes = adaptation.parameters.reduce(
      (sum, { shape }) => sum + Float32Array.BYTES_PER_ELEMENT * elementCount(shape),
      0,
    );
    return new Original(adaptation, keepsOriginal(bytes) ? await adaptation.initial() : null);
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
    const parameters = this.kept ?? (await this.adaptation.initial(spare));
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
