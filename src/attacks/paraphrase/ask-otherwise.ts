import { requireEncoded } from '../../families/encoded-prompt.ts';
import type { AttackedModel, AttackRun, Attempt, CurveWords } from '../attack.ts';
import { drawAttempt } from '../draw-attempt.ts';

const curves = {
  scrubbed: { id: 'scrubbed', title: 'The scrubbed model' },
  original: { id: 'original', title: 'The original' },
} as const satisfies Readonly<Record<string, CurveWords>>;

/** Has both models draw each wording. @throws as `Attack.run` */
export async function askOtherwise(run: AttackRun): Promise<Attempt[]> {
  const scrubbed = await run.with('scrubbed', (model) => draw(model, curves.scrubbed, run));
  const original = await run.with('original', (model) => draw(model, curves.original, run));
  return [...scrubbed, ...original];
}

async function draw(model: AttackedModel, curve: CurveWords, run: AttackRun): Promise<Attempt[]> {
  const { paraphrases, count } = run.settings;
  const attempts: Attempt[] = [];
  for (const [place, wording] of paraphrases.entries()) {
    const asked = requireEncoded(model.encoded.prompts, wording.prompt);
    const all = Array.from({ length: count }, () => ({ ...wording, asked }));
    const pictures = await drawAttempt(model, all, run);
    attempts.push({ curve, at: place + 1, label: wording.prompt, pictures });
    run.onPiece();
  }
  return attempts;
}
