import path from 'node:path';

import type { Role } from '../../evaluation/figure.ts';
import { isWhole, shapesFor } from '../../erase/job-shapes.ts';
import { cutPictures, type PictureShape } from '../../erase/picture-shapes.ts';
import type { ModelFacts } from '../../families/family.ts';
import type { EraseSettings } from '../../methods/registry.ts';

/**
 * The shapes that the pictures of folders are trained in, and warnings of those that lose much.
 *
 * @throws as `readImageFolder`
 */
export async function prepareShapes(
  settings: EraseSettings,
  folders: Readonly<Record<Role, string | undefined>>,
  facts: Pick<ModelFacts, 'nativeSize'>,
): Promise<{ readonly shapes: PictureShape[]; readonly warnings: readonly string[] }> {
  const picturesOf = async (role: Role) => {
    const folder = folders[role];
    if (folder === undefined || !isWhole(settings, role)) return null;
    // Loaded here, not at the start: it brings the image library, which a request of words need not.
    const { readImageFolder } = await import('../../images/image-folder.ts');
    const images = await readImageFolder(folder);
    return images.map(({ file, size }) => ({ name: path.basename(file), size }));
  };
  const [forget, retain] = [await picturesOf('forget'), await picturesOf('retain')];
  const sizes = {
    forget: forget?.map(({ size }) => size) ?? null,
    retain: retain?.map(({ size }) => size) ?? null,
  };
  const shapes = shapesFor(settings, sizes, facts);
  if (shapes.length === 0) return { shapes, warnings: [] };
  return { shapes, warnings: cutPictures([...(forget ?? []), ...(retain ?? [])], shapes) };
}
