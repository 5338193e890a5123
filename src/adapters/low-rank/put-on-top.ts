import type { Checkpoint } from '../../families/checkpoint.ts';
import type { ScaledFactors } from '../../families/family.ts';
import type { Lora, LoraChange } from './read-lora.ts';

/**
 * A checkpoint with a LoRA on top of it, and of what is on top of it already, wherever it is computed with,
 * the text encoder too. It counts `strength` times; the file stays the checkpoint's.
 */
export function putOnTop(checkpoint: Checkpoint, lora: Lora, strength: number): Checkpoint {
  const changes = new Map(checkpoint.changes);
  for (const change of lora.changes) {
    const outputs = checkpoint.file.tensors.get(change.tensor)?.shape[0] ?? 0;
    const counted = wholeChange(change, { strength, outputs });
    const before = changes.get(change.tensor);
    changes.set(change.tensor, before ? sum(before, counted) : counted);
  }
  return checkpoint.withChanges(changes);
}

/** A change of some rows of a matrix as one of all, which is 0 in the others. */
function wholeChange(
  { rows, factors }: LoraChange,
  { strength, outputs }: { readonly strength: number; readonly outputs: number },
): ScaledFactors {
  const scale = strength * factors.scale;
  if (!rows) return { ...factors, scale };
  const up = new Float32Array(outputs * factors.rank);
  up.set(factors.up, rows.from * factors.rank);
  return { ...factors, up, scale };
}

/** a + b, as one change of the sum of their ranks. */
function sum(a: ScaledFactors, b: ScaledFactors): ScaledFactors {
  const rank = a.rank + b.rank;
  const down = new Float32Array(a.down.length + b.down.length);
  down.set(a.down);
  down.set(b.down, a.down.length);
  const up = new Float32Array((a.up.length / a.rank) * rank);
  const place = (factors: ScaledFactors, firstColumn: number) => {
    factors.up.forEach((value, i) => {
      const row = Math.floor(i / factors.rank);
      up[row * rank + firstColumn + (i % factors.rank)] = factors.scale * value;
    });
  };
  place(a, 0);
  place(b, a.rank);
  return { rank, down, up, scale: 1 };
}
