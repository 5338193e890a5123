import { env, listSupportedBackends } from 'onnxruntime-node';

import { type Device, devices } from './device.ts';

/** Version of ONNX Runtime. */
export function runtimeVersion(): string {
  return env.versions.node ?? env.versions.common;
}

/** Devices that the runtime's package brings everything for, on this system. */
export function bundledDevices(): Device[] {
  const backends = listSupportedBackends();
  return devices.filter((device) =>
    backends.some(({ name, bundled }) => name === device && bundled),
  );
}

/** Devices that the runtime knows on this system, but whose libraries must be installed first. */
export function unbundledDevices(): Device[] {
  const backends = listSupportedBackends();
  return devices.filter((device) =>
    backends.some(({ name, bundled }) => name === device && !bundled),
  );
}
