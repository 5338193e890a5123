import { asciiSlug } from '../checkpoint/output-path.ts';

/** Keeps ids, which people type, short. */
const MAX_SLUG_CHARACTERS = 40;

/**
 * An id for a job: `20261124-0415-gate`.
 *
 * @param createdAt ISO 8601
 * @param number 1, or a higher one where that is taken
 */
export function newJobId(concept: string, createdAt: string, number: number): string {
  const slug = asciiSlug(concept, MAX_SLUG_CHARACTERS) || 'concept';
  const id = `${timeStamp(createdAt)}-${slug}`;
  return number === 1 ? id : `${id}-${number}`;
}

/** `20261124-0415`, in universal time, as `createdAt` is. */
function timeStamp(isoTime: string): string {
  const [date = '', time = ''] = isoTime.split('T');
  return `${date.replaceAll('-', '')}-${time.slice(0, 5).replace(':', '')}`;
}
