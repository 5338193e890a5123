import { createHash } from 'node:crypto';

import { type TensorEntry, tensorFileHeader } from '../../checkpoint/tensor-file.ts';
import { encodeFloats } from '../../tensor/dtype.ts';

/** Where the older hash of a model looks, and at how much. */
const LEGACY_OFFSET_BYTES = 0x100000;
const LEGACY_BYTES = 0x10000;
const LEGACY_DIGITS = 8;

/**
 * The hashes in a LoRA file's metadata by which web UIs know it again, whatever else its metadata say: of
 * all tensors, and of a part of the file as it would be with no entries but those of training.
 * (kohya-ss/sd-scripts, library/train_util.py: precalculate_safetensors_hashes)
 */
export async function hostHashes(
  entries: readonly TensorEntry[],
  metadata: Readonly<Record<string, string>>,
): Promise<Record<'sshs_model_hash' | 'sshs_legacy_hash', string>> {
  const ofTraining = Object.entries(metadata).filter(([key]) => key.startsWith('ss_'));
  const header = tensorFileHeader(entries, Object.fromEntries(ofTraining));
  const tensors = createHash('sha256');
  const legacy = createHash('sha256');
  let place = header.byteLength;
  for (const { elements } of entries) {
    const bytes = encodeFloats('F32', await elements());
    tensors.update(bytes);
    const from = LEGACY_OFFSET_BYTES - place;
    legacy.update(bytes.subarray(Math.max(0, from), Math.max(0, from + LEGACY_BYTES)));
    place += bytes.byteLength;
  }
  return {
    sshs_model_hash: tensors.digest('hex'),
    sshs_legacy_hash: legacy.digest('hex').slice(0, LEGACY_DIGITS),
  };
}
