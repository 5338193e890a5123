import type { JobState, JobSummary } from '../../src/contract/job-views.ts';
import { describeSize } from '../../src/drawing/drawing.ts';
import type { PictureShape } from '../../src/erase/picture-shapes.ts';
import type { Text } from './language.ts';
import { t } from './words.ts';

/** What a job's state is called; a method without steps trains nothing. */
export function stateName({ state, steps }: Pick<JobSummary, 'state' | 'steps'>): string {
  return state === 'training' && steps === 0 ? t('Changing the weights') : t(stateNames[state]);
}

const stateNames: Readonly<Record<JobState, Text>> = {
  queued: 'Waiting',
  preparing: 'Preparing',
  training: 'Training',
  evaluating: 'Evaluating',
  done: 'Done',
  failed: 'Failed',
  cancelled: 'Cancelled',
  interrupted: 'Interrupted',
};

/** Where a job is computed. */
export const placeOf = (device: string) =>
  device === 'cpu' ? t('on the processor') : t('on {device}', { device });

/** Shapes that a job trains in; of several the pictures in each, `512×768 (8 to forget)`. */
export function sizesOf(shapes: readonly PictureShape[]): string {
  const [first, second] = shapes;
  if (first && !second) return describeSize(first);
  const described = shapes.map((shape) => {
    const { forget, retain } = shape;
    const parts = [
      ...(forget > 0 ? [t('{count} to forget', { count: forget })] : []),
      ...(retain > 0 ? [t('{count} to keep', { count: retain })] : []),
    ];
    return `${describeSize(shape)} (${parts.join(', ')})`;
  });
  return described.join(', ');
}
