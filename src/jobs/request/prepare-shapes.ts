import path from 'node:path';

import type { Role } from '../../evaluation/figure.ts';
import {
  cutPictures,
  type GivenSizes,
  type PictureShape,
  planShapes,
} from '../../erase/picture-shapes.ts';
import { drawnCount } from '../../erase/set-pictures.ts';
import { type EraseSettings, methodOf } from '../../methods/registry.ts';

/** Whether pictures that are given for a set are trained in shapes of their own. */
function isWhole(settings: EraseSettings, role: Role): boolean {
  return (
    'givenPictures' in settings &&
    settings.givenPictures === 'whole' &&
    methodOf(settings).pictures.includes(role)
  );
}

/** The shapes that pictures of these sizes are trained in; none where all have that of what is drawn. */
export function shapesFor(settings: EraseSettings, given: GivenSizes): PictureShape[] {
  const sizesOf = (role: Role) => (isWhole(settings, role) ? given[role] : null);
  return planShapes(
    { forget: sizesOf('forget'), retain: sizesOf('retain') },
    { forget: drawnCount(settings, 'forget'), retain: drawnCount(settings, 'retain') },
    settings,
  );
}

/**
 * The shapes that the pictures of folders are trained in, and warnings of those that lose much.
 *
 * @throws as `readImageFolder`
 */
export async function prepareShapes(
  settings: EraseSettings,
  folders: Readonly<Record<Role, string | undefined>>,
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
  const shapes = shapesFor(settings, {
    forget: forget?.map(({ size }) => size) ?? null,
    retain: retain?.map(({ size }) => size) ?? null,
  });
  if (shapes.length === 0) return { shapes, warnings: [] };
  return { shapes, warnings: cutPictures([...(forget ?? []), ...(retain ?? [])], shapes) };
}
