/** Grey levels that JPEG and WebP make of black. */
const MAX_LEVEL = 2;

/** Whether a picture file is black all over; not of what cannot be read. */
export async function isBlack(file: Buffer): Promise<boolean> {
  // Loaded here, not at the start: it brings the image library.
  const { default: sharp } = await import('sharp');
  const stats = await sharp(file)
    .stats()
    .catch(() => null);
  return stats?.channels.slice(0, 3).every(({ max }) => max <= MAX_LEVEL) ?? false;
}
