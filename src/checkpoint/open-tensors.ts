import { openSafetensors } from './safetensors-reader.ts';
import type { TensorStore } from './tensor-store.ts';
import { isTorchFile, openTorchFile } from './torch-file/open-torch-file.ts';

/**
 * Opens a file of tensors that only adds to a model, in either format that people have them in.
 *
 * @throws AppError as `openSafetensors` and `openTorchFile`
 */
export async function openTensors(filePath: string): Promise<TensorStore> {
  return isTorchFile(filePath) ? openTorchFile(filePath) : openSafetensors(filePath);
}
