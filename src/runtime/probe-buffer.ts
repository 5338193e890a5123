import { askProcess } from '../processes/ask-process.ts';
import type { Device } from './device.ts';

/** A buffer that a device is to make, fill and read. */
export interface BufferQuestion {
  readonly device: Device;
  readonly bytes: number;
}

/** Every WebGPU device takes this much in one buffer (W3C, WebGPU, "maxBufferSize"). */
const GUARANTEED_BYTES = 256 * 2 ** 20;
/** Tried from the largest down; shaders of the runtime count elements up to 2 GiB. */
const triedBytes = [2 ** 31 - 2 ** 20, 2 ** 30, 2 ** 29];
/** A software driver fills 2 GiB in a few seconds. */
const TIMEOUT_MS = 30_000;

const bufferWorker = new URL('./buffer-worker.ts', import.meta.url);

/**
 * The largest buffer in bytes that WebGPU takes here, of a few sizes: the runtime does not tell it. Each is tried
 * in a process of its own, since a device may be lost over it.
 */
export async function probeLargestBuffer(device: Device): Promise<number> {
  for (const bytes of triedBytes) {
    const question: BufferQuestion = { device, bytes };
    const options = { purpose: 'trying a large buffer', timeoutMs: TIMEOUT_MS };
    const works = await askProcess(bufferWorker, question, options).catch(() => false);
    if (works === true) return bytes;
  }
  return GUARANTEED_BYTES;
}
