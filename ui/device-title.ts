import type { DeviceView } from '../src/contract/views.ts';
import { told } from './languages/told.ts';
import { manifest } from './state.ts';

/** What people call a device. */
export const deviceTitle = (device: DeviceView['device']) =>
  told(manifest.value?.devices.find(({ id }) => id === device)?.title ?? device);
