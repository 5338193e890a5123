/** What graphs can run on, by ONNX Runtime's names of its execution providers. */
export const devices = ['cpu', 'webgpu', 'cuda', 'dml'] as const;
export type Device = (typeof devices)[number];

/** What people call them. */
export const deviceTitles: Readonly<Record<Device, string>> = {
  cpu: 'Processor (CPU)',
  webgpu: 'Graphics card (WebGPU)',
  cuda: 'NVIDIA graphics card (CUDA)',
  dml: 'Graphics card (DirectML)',
};

/** A device that was tried. */
export interface DeviceReport {
  readonly device: Device;
  readonly works: boolean;
  /** Why it does not work, or what is known of it. */
  readonly detail: string;
  /** Whether it is the fastest that works. */
  readonly isDefault: boolean;
}
