import { type Device, devices } from './device.ts';
import { runtime } from './onnxruntime.ts';

/** Version of ONNX Runtime. */
export function runtimeVersion(): string {
  const { versions } = runtime.env;
  return versions.node ?? versions.common;
}

/** Devices that the runtime's package brings everything for, on this system. */
export function bundledDevices(): Device[] {
  const backends = runtime.listSupportedBackends();
  return devices.filter((device) =>
    backends.some(({ name, bundled }) => name === device && bundled),
  );
}

/** Devices that the runtime knows on this system, but whose libraries must be installed first. */
export function unbundledDevices(): Device[] {
  const backends = runtime.listSupportedBackends();
  return devices.filter((device) =>
    backends.some(({ name, bundled }) => name === device && !bundled),
  );
}
