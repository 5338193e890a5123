import { answerQuestion } from '../processes/ask-process.ts';
import { bundledDevices, unbundledDevices } from './backends.ts';
import type { DeviceReport } from './device.ts';
import { fastestDevice, probeDevice, type TriedDevice } from './probe-device.ts';

// The program of the process that tries every device for the server, which itself stays without the
// runtime.
answerQuestion(async (): Promise<DeviceReport[]> => {
  const tried: TriedDevice[] = [];
  // One after another: they are compared by time.
  for (const device of bundledDevices()) tried.push({ device, ...(await probeDevice(device)) });
  const isDefault = fastestDevice(tried);
  return [
    ...tried.map((result) => ({
      device: result.device,
      works: result.works,
      detail: result.works
        ? `${result.milliseconds.toFixed(1)} ms for a test convolution`
        : result.reason,
      isDefault: result.device === isDefault,
    })),
    ...unbundledDevices().map((device) => ({
      device,
      works: false,
      detail: 'its libraries do not come with the runtime and must be installed first',
      isDefault: false,
    })),
  ];
});
