import * as z from 'zod';

import { field, positive } from '../../setting-field.ts';
import { commonFields } from '../settings-fields.ts';

/** Settings of UCE. It draws nothing and takes no steps. */
export const uceSettings = z.strictObject({
  method: z.literal('uce'),
  eraseScale: field(positive, {
    title: 'Strength of forgetting',
    description: 'How much forgotten prompts count. Higher forgets more thoroughly and harms more.',
  }),
  preserveScale: field(z.number().min(0), {
    title: 'Strength of keeping',
    description: 'How much kept prompts count. 0: only the old weights are held to.',
  }),
  regularization: field(positive, {
    title: 'Hold on the old weights',
    description: 'λ: how much the weights count for all that no prompt names.',
    isRare: true,
  }),
  tokens: field(z.enum(['rest', 'last']), {
    title: 'Tokens of a prompt',
    description: "Whose states stand for it. The filling behind it holds the prompt's meaning too.",
    isRare: true,
    choices: {
      rest: 'Its last one and all behind it',
      last: 'Its last one alone',
    },
  }),
  ...commonFields,
});
export type UceSettings = z.infer<typeof uceSettings>;
