import { AppError } from '../errors.ts';
import type { Attack } from './attack.ts';
import { contextAttack } from './context/attack.ts';
import { embeddingAttack } from './embedding/attack.ts';
import { extractionAttack } from './extraction/attack.ts';
import { fineTuneAttack } from './finetune/attack.ts';
import { paraphraseAttack } from './paraphrase/attack.ts';
import { promptAttack } from './prompt/attack.ts';

/** Every way to bring a concept back; the first is taken where none is asked for. */
export const attacks: readonly [Attack, ...Attack[]] = [
  embeddingAttack,
  promptAttack,
  contextAttack,
  paraphraseAttack,
  fineTuneAttack,
  extractionAttack,
];

/** @throws AppError `internal.unexpected` for a kind that there is not */
export function attackOf(kind: string): Attack {
  const attack = attacks.find(({ id }) => id === kind);
  if (!attack) throw new AppError('internal.unexpected', `there is no attack "${kind}"`);
  return attack;
}
