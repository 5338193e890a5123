/** What graphs can run on, by ONNX Runtime's names of its execution providers. */
export const devices = ['cpu', 'webgpu', 'cuda', 'dml'] as const;
export type Device = (typeof devices)[number];
