import { AppError } from '../errors.ts';
import { diagnose, forkTypescript, waitForEnd } from '../processes/fork-typescript.ts';
import { bundledDevices, unbundledDevices } from './backends.ts';
import type { Device } from './device.ts';

/** What became of trying a device. */
export type ProbeResult =
  | {
      readonly works: true;
      /** Median time of one 3×3 convolution; for comparison only. */
      readonly milliseconds: number;
    }
  | { readonly works: false; readonly reason: string };

/** What the process that tries a device tells. */
export type ProbeReply =
  { readonly milliseconds: number } | { readonly error: { readonly message: string } };

/** A software driver of a GPU may need long for its first shader; more than this is of no use. */
const PROBE_TIMEOUT_MS = 30_000;

const probeWorker = new URL('./probe-worker.ts', import.meta.url);

/** Tries a device in a process of its own, since a broken driver may abort it. */
export async function probeDevice(device: Device, worker = probeWorker): Promise<ProbeResult> {
  const probe = forkTypescript(worker);
  const results: ProbeResult[] = [];
  probe.process.once('message', (reply: ProbeReply) => {
    results.push(
      'error' in reply
        ? { works: false, reason: firstLine(reply.error.message) }
        : { works: true, milliseconds: reply.milliseconds },
    );
  });
  const timer = setTimeout(() => probe.process.kill('SIGKILL'), PROBE_TIMEOUT_MS);
  probe.process.send(device, () => undefined);
  const end = await waitForEnd(probe);
  clearTimeout(timer);
  const [result] = results;
  if (result) return result;
  if (probe.process.killed) {
    return { works: false, reason: `it gave no answer in ${PROBE_TIMEOUT_MS / 1000} s` };
  }
  const death = diagnose(end, probe.complaint());
  const how = death?.kind === 'crash' ? `crashed (${death.name})` : 'ended without an answer';
  const last = probe.complaint().trim().split('\n').at(-1) ?? '';
  return { works: false, reason: `the process that tried it ${how}${last && `: ${last}`}` };
}

/** Devices that `auto` chooses among: those that need nothing but the runtime's own package. */
const automaticDevices: readonly Device[] = ['webgpu', 'cpu'];

/**
 * The device to train on: the wanted one, if the runtime has it, or for `auto` the one that is
 * fastest in a short measurement.
 *
 * @throws AppError `device.unavailable`, naming those there are
 */
export async function chooseDevice(wanted: Device | 'auto'): Promise<Device> {
  const bundled = bundledDevices();
  if (wanted !== 'auto') {
    if (bundled.includes(wanted) || unbundledDevices().includes(wanted)) return wanted;
    throw new AppError(
      'device.unavailable',
      `the device "${wanted}" is not in this system's ONNX Runtime. Choose one of: auto, ${bundled.join(', ')}.`,
    );
  }
  const tried: TriedDevice[] = [];
  for (const device of automaticDevices.filter((name) => bundled.includes(name))) {
    tried.push({ device, ...(await probeDevice(device)) });
  }
  return fastestDevice(tried);
}

/** A device and what became of trying it. */
export type TriedDevice = ProbeResult & { readonly device: Device };

/** What `auto` means, once the devices were tried. */
export function fastestDevice(tried: readonly TriedDevice[]): Device {
  let best: { device: Device; milliseconds: number } | null = null;
  for (const result of tried) {
    if (!result.works || !automaticDevices.includes(result.device)) continue;
    if (best === null || result.milliseconds < best.milliseconds) best = result;
  }
  return best?.device ?? 'cpu';
}

function firstLine(text: string): string {
  return text.split('\n')[0] ?? '';
}
