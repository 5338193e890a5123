import { AppError } from '../errors.ts';
import { imageFormat } from '../images/image-format.ts';
import type { HostPicture } from './host.ts';

/**
 * A picture as a host sent it.
 *
 * @param label the host in messages
 * @throws AppError `host.failed` for what is no picture that is read
 */
export function hostPicture(bytes: Buffer, model: string, label: string): HostPicture {
  const format = imageFormat(bytes);
  if (format !== null) return { model, format, bytes };
  throw new AppError(
    'host.failed',
    `${label} drew a picture that is no PNG, JPEG or WebP. Choose one of these in its settings, then try again.`,
  );
}
