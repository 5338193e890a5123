import type { SoftPlace } from '../families/family.ts';
import type { AttackedPrompt } from './attack.ts';

/**
 * Where a token stands that is to bring a concept back: in the place of the concept's own words where the
 * prompt has them, else behind the prompt without it.
 *
 * @param concept null where it is not known
 */
export function tokenPlace({ prompt, anchor }: AttackedPrompt, concept: string | null): SoftPlace {
  const at = concept === null ? -1 : prompt.toLowerCase().indexOf(concept.toLowerCase());
  if (concept === null || at < 0) return { before: anchor, behind: '' };
  return { before: prompt.slice(0, at), behind: prompt.slice(at + concept.length) };
}
