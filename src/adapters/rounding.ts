import type { ReplacedTensors } from '../checkpoint/changed-file.ts';
import type { TensorStore } from '../checkpoint/tensor-store.ts';
import { decodeFloats, type Dtype, encodeFloats, isFloatDtype } from '../tensor/dtype.ts';

/** How much of a tensor's change rounding takes, as a share of the change. */
interface TensorLoss {
  readonly name: string;
  readonly share: number;
}

/**
 * What of a change is lost where changed weights are rounded to the type that a file stores them as:
 * |W' − (W + ΔW)| / |ΔW|, W' what is stored. A small change of 16-bit weights may round to much less, or to
 * something else.
 */
export class RoundingLoss {
  private lostSquare = 0;
  private changeSquare = 0;
  private largest: TensorLoss | null = null;
  private readonly dtypes = new Set<Dtype>();

  /** @param weight W, as stored, and @param changed W + ΔW, both float32 */
  add(
    { name, dtype }: { readonly name: string; readonly dtype: Dtype },
    weight: Float32Array,
    changed: Float32Array,
  ): void {
    if (!isFloatDtype(dtype)) return;
    const stored = new Float32Array(changed.length);
    decodeFloats(dtype, encodeFloats(dtype, changed), stored);
    let lost = 0;
    let change = 0;
    for (let i = 0; i < changed.length; i++) {
      const wanted = changed[i] ?? 0;
      lost += ((stored[i] ?? 0) - wanted) ** 2;
      change += (wanted - (weight[i] ?? 0)) ** 2;
    }
    if (change === 0) return;
    this.lostSquare += lost;
    this.changeSquare += change;
    this.dtypes.add(dtype);
    const share = Math.sqrt(lost / change);
    if (share > (this.largest?.share ?? -1)) this.largest = { name, share };
  }

  /** Of the change of all tensors together; 0 where nothing changed. */
  get share(): number {
    return this.changeSquare === 0 ? 0 : Math.sqrt(this.lostSquare / this.changeSquare);
  }

  /** Whether what is drawn may differ from what was trained. */
  get isNotable(): boolean {
    return this.share >= NOTABLE_LOSS;
  }

  /** The tensor that loses most; null where none changed. */
  get worst(): TensorLoss | null {
    return this.largest;
  }

  /** What the changed tensors are stored as. */
  get storedAs(): readonly Dtype[] {
    return [...this.dtypes];
  }
}

/** The same tensors, each compared as it is asked for with what is stored of the original. */
export function measuringLoss(
  replaced: ReplacedTensors,
  file: TensorStore,
  rounding: RoundingLoss,
): ReplacedTensors {
  const measured = async (name: string, values: () => Promise<Float32Array>) => {
    const changed = await values();
    const info = file.tensors.get(name);
    if (info) rounding.add(info, await file.readFloat32(name), changed);
    return changed;
  };
  return new Map([...replaced].map(([name, values]) => [name, () => measured(name, values)]));
}

/** From here on, what is drawn may differ from what was trained. */
const NOTABLE_LOSS = 0.1;

const storedTitles: Partial<Record<string, string>> = {
  F16: '16-bit floats',
  BF16: 'bfloat16',
};

/**
 * What merging cost, and what to use instead where that matters.
 *
 * @param hasLora whether the change is there as a LoRA file; null where nothing can take its place
 */
export function describeRounding(rounding: RoundingLoss, hasLora: boolean | null): string {
  const { share, worst, storedAs } = rounding;
  const types = storedAs.map((dtype) => storedTitles[dtype] ?? dtype).join(', ');
  const percent = (part: number) => `${Number((100 * part).toPrecision(2))} %`;
  const most = worst ? `, at most ${percent(worst.share)} ("${worst.name}")` : '';
  const loss = `Stored as ${types}, the checkpoint loses ${percent(share)} of the change by rounding${most}.`;
  if (!rounding.isNotable || hasLora === null) return loss;
  return `${loss} ${hasLora ? 'The LoRA file loses nothing: use that.' : 'A LoRA file would lose nothing: erase with "lora" as the result.'}`;
}
