import type { Adaptation } from '../adapters/adapter.ts';
import { takeElements } from '../runtime/read-back.ts';
import type { TensorSet } from '../runtime/tensor-set.ts';
import { elementCount } from '../tensor/shape.ts';
import { fitsBesideTrained } from './descent-cost.ts';
import type { DenoisingBatch, TrainableModel } from './trainable-model.ts';

/**
 * The model as it was before it was trained, to ask it what it predicts: as θ at strength 0 where the
 * change has one, else by the original's values of what is trained.
 */
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
    const keeps = adaptation.strength === null && fitsBesideTrained(bytes);
    return new Original(adaptation, keeps ? await adaptation.initial() : null);
  }

  /**
   * What it predicts at each batch, whatever the batch's strength: float32 [N, C, h, w] on the host.
   *
   * @param parameters θ
   * @param spare a set that nothing else needs now; its values may be lost
   */
  async predict(
    model: TrainableModel,
    batches: readonly DenoisingBatch[],
    { parameters, spare }: { readonly parameters: TensorSet; readonly spare: TensorSet },
  ): Promise<Float32Array[]> {
    const original =
      this.adaptation.strength === null
        ? (this.kept ?? (await this.adaptation.initial(spare)))
        : parameters;
    const predictions: Float32Array[] = [];
    for (const batch of batches) {
      const prediction = await model.predict(original, { ...batch, strength: 0 });
      predictions.push(await takeElements(prediction));
    }
    return predictions;
  }

  release(): void {
    this.kept?.dispose();
  }
}
