import type { Role } from '../evaluation/figure.ts';
import type { ModelFacts } from '../families/family.ts';
import { type EraseSettings, methodOf } from '../methods/registry.ts';
import { type GivenSizes, type PictureShape, planShapes } from './picture-shapes.ts';
import { drawnCount } from './set-pictures.ts';

/** Whether pictures that are given for a set are trained in shapes of their own. */
export function isWhole(settings: EraseSettings, role: Role): boolean {
  return (
    'givenPictures' in settings &&
    settings.givenPictures === 'whole' &&
    methodOf(settings).pictures.includes(role)
  );
}

/**
 * The shapes that a job trains in, with given pictures of these sizes; none where all have that of what is drawn.
 *
 * @param facts of the model
 */
export function shapesFor(
  settings: EraseSettings,
  given: GivenSizes,
  { nativeSize }: Pick<ModelFacts, 'nativeSize'>,
): PictureShape[] {
  const sizesOf = (role: Role) => (isWhole(settings, role) ? given[role] : null);
  return planShapes(
    { forget: sizesOf('forget'), retain: sizesOf('retain') },
    { forget: drawnCount(settings, 'forget'), retain: drawnCount(settings, 'retain') },
    { ...settings, nativeSize },
  );
}
