import type { PictureGroup, Role } from './figure.ts';

/** What people read about a group. */
interface GroupWords {
  readonly role: Role;
  /** Goes on from `pictures of`. */
  readonly prompts: string;
  /** In a few words. */
  readonly one: string;
}

export const groupWords: Readonly<Record<PictureGroup, GroupWords>> = {
  forget: { role: 'forget', prompts: 'forgotten prompts', one: 'forgotten' },
  'held-back': {
    role: 'forget',
    prompts: 'wordings that were held back',
    one: 'held-back wordings',
  },
  'forget-negative': {
    role: 'forget',
    prompts: 'forgotten prompts, with a usual negative prompt,',
    one: 'with a negative prompt',
  },
  'forget-against': {
    role: 'forget',
    prompts: 'forgotten prompts, with its own words as the negative prompt,',
    one: 'its own words as negative prompt',
  },
  retain: { role: 'retain', prompts: 'kept prompts', one: 'kept' },
  neighbour: {
    role: 'retain',
    prompts: 'neighbours of the concept that nobody listed',
    one: 'neighbours',
  },
  far: {
    role: 'retain',
    prompts: 'prompts far from the concept that nobody listed',
    one: 'far prompts',
  },
  'retain-negative': {
    role: 'retain',
    prompts: 'kept prompts, with a usual negative prompt,',
    one: 'with a negative prompt',
  },
  'retain-against': {
    role: 'retain',
    prompts: 'kept prompts, with the forgotten words as the negative prompt,',
    one: 'forgotten words as negative prompt',
  },
};

/** What a figure of a group is called: `zero-shot.shown`, of a question beside `zero-shot.shown.held-back`. */
export function figureName(id: string, group: PictureGroup) {
  const { role } = groupWords[group];
  return group === role ? { id, role } : { id: `${id}.${group}`, role, group };
}

/** Whether pictures of a group were drawn with another negative prompt than the job's. */
export function hasOtherNegative(group: PictureGroup = 'forget'): boolean {
  return group.endsWith('-negative') || group.endsWith('-against');
}
