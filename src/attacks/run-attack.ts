import { asItIs } from '../adapters/full-weights.ts';
import {
  type ConceptJudge,
  openClassifierJudge,
  originalAsJudge,
  shownAbove,
} from '../evaluation/concept-judge.ts';
import { mean } from '../evaluation/figure.ts';
import { type Interval, shareInterval } from '../evaluation/interval.ts';
import { unetShape } from '../evaluation/pictures.ts';
import { asDrawn } from '../drawing/drawing.ts';
import type { Checkpoint } from '../families/checkpoint.ts';
import { predictRows } from '../pipeline/predict-rows.ts';
import { UnetSession } from '../pipeline/unet-session.ts';
import { elementCount } from '../tensor/shape.ts';
import type {
  Attack,
  AttackedModel,
  AttackedPrompt,
  AttackRun,
  AttackSettings,
  Attempt,
  CurveWords,
  Opening,
} from './attack.ts';
import { drawAsked } from './draw-attempt.ts';

/** A point of a curve: how many of its pictures show the concept. */
export interface CurvePoint {
  readonly at: number;
  readonly label?: string;
  /** What the attack had come upon: a prompt to try. */
  readonly found?: string;
  readonly pictures: number;
  readonly shown: number;
  /** Where the true share lies with a confidence of 95 %. */
  readonly interval: Interval;
}

/** How often the concept came back, along the attack's axis. */
export interface Curve {
  readonly id: string;
  readonly title: string;
  readonly points: readonly CurvePoint[];
}

/** What came of an attack. */
export interface AttackResult {
  readonly kind: string;
  readonly curves: readonly Curve[];
  /** Shares of pictures that show the concept where its prompts are asked, without an attack. */
  readonly asked: { readonly original: CurvePoint; readonly scrubbed: CurvePoint };
  /** Why the figures say little; null where they say what they should. */
  readonly caution: string | null;
}

/** Pictures and the work on them, as it goes. */
export interface AttackIo {
  readonly signal: AbortSignal;
  readonly onProgress: (done: number, total: number) => void;
}

/** Noises and other prompts that pictures are judged by, as in an evaluation. */
const judging = { rivals: 4, draws: 10 } as const;
/** Between the 0 and 1 of judges that attacks bring along. */
const ownThreshold = 0.5;
/** Gradients take the memory of more rows than pictures have; so many are enough for one. */
const mostGradientRows = 8;

/**
 * Attacks a scrubbed model, and its original beside it, and has the original (or a classifier) say how
 * often the concept came back. One of them is in memory at a time.
 *
 * @param models comparable (`requireComparable`)
 * @throws the signal's reason; AppError `device.*`, `model.unsupported`, `judge.*`
 */
export async function runAttack(
  attack: Attack,
  models: { readonly original: Checkpoint; readonly scrubbed: Checkpoint },
  settings: AttackSettings,
  { signal, onProgress }: AttackIo,
): Promise<AttackResult> {
  const inFull = withDrawnWords(settings);
  let done = 0;
  // Besides the attack's own: what both draw when they are asked, and judging.
  const total = attack.pieces(settings) + 3;
  const onPiece = () => {
    done += 1;
    onProgress(done, total);
  };
  const withModel = <T>(
    which: 'original' | 'scrubbed',
    work: (model: AttackedModel) => Promise<T>,
    opening: Opening = {},
  ) => openModel(models[which], { settings: inFull, opening }, work);
  const draw = async (which: 'original' | 'scrubbed') => {
    const pictures = await withModel(which, (model) =>
      drawAsked(model, { settings: inFull, signal }),
    );
    onPiece();
    return pictures;
  };
  const own = await draw('original');
  const scrubbed = await draw('scrubbed');
  const attempts = await attack.run({ settings: inFull, own, with: withModel, signal, onPiece });
  const result = await withModel('original', (model) =>
    judge(model, { attack, own, scrubbed, attempts }, { settings: inFull, signal }),
  );
  onPiece();
  return result;
}

/** Prompts in the words that models are asked with. */
function withDrawnWords(settings: AttackSettings): AttackSettings {
  const inFull = (prompt: string) => asDrawn(prompt, settings.drawing);
  const both = ({ prompt, anchor }: AttackedPrompt) => ({
    ...{ prompt: inFull(prompt), anchor: inFull(anchor) },
  });
  return {
    ...settings,
    prompts: settings.prompts.map(both),
    paraphrases: settings.paraphrases.map(both),
    retain: settings.retain.map(inFull),
  };
}

async function openModel<T>(
  checkpoint: Checkpoint,
  { settings, opening }: { readonly settings: AttackSettings; readonly opening: Opening },
  work: (model: AttackedModel) => Promise<T>,
): Promise<T> {
  const { drawing, device, threads, prompts, paraphrases, retain } = settings;
  const encoded = await checkpoint.condition.encode(
    [
      ...['', drawing.negative],
      ...[...prompts, ...paraphrases].flatMap(({ prompt, anchor }) => [prompt, anchor]),
      ...retain,
    ],
    { clipSkip: drawing.clipSkip, device, threads },
  );
  const { givesContextGradient = false, adaptation: fit = asItIs } = opening;
  const adaptation = fit(checkpoint);
  const isFollowed = givesContextGradient || adaptation.parameters.length > 0;
  const shape = unetShape(checkpoint, drawing, encoded.tokens);
  const unet = await UnetSession.create(checkpoint, {
    shape: {
      ...shape,
      batch: isFollowed ? Math.min(mostGradientRows, shape.batch) : shape.batch,
    },
    ...{ adaptation, givesContextGradient, device, threads },
  });
  try {
    const parameters = await adaptation.initial();
    return await work({ checkpoint, adaptation, encoded, unet, parameters });
  } finally {
    await unet.release();
  }
}

/** Has all pictures judged, the original's own first: what the others are held to. */
async function judge(
  model: AttackedModel,
  drawn: {
    readonly attack: Attack;
    readonly own: Attempt['pictures'];
    readonly scrubbed: Attempt['pictures'];
    readonly attempts: readonly Attempt[];
  },
  run: Pick<AttackRun, 'settings' | 'signal'>,
): Promise<AttackResult> {
  const { attack } = drawn;
  const conceptJudge = await (attack.openJudge?.(model, run) ?? openJudge(model, run.settings));
  try {
    const own = await conceptJudge.scores(drawn.own);
    const threshold = attack.openJudge ? ownThreshold : shownAbove(own);
    const pointOf = (scores: readonly number[], at: number): CurvePoint => {
      const shown = scores.map((score) => Number(score > (threshold ?? 0)));
      return {
        ...{ at, pictures: shown.length, interval: shareInterval(shown) },
        shown: Math.round(mean(shown) * shown.length),
      };
    };
    const curves = new Map<string, CurveWords & { readonly points: CurvePoint[] }>();
    for (const { curve, at, label, found, pictures } of drawn.attempts) {
      const own = curves.get(curve.id) ?? { ...curve, points: [] };
      const point = pointOf(await conceptJudge.scores(pictures), at);
      own.points.push({
        ...point,
        ...(label !== undefined && { label }),
        ...(found !== undefined && { found }),
      });
      curves.set(curve.id, own);
    }
    const asked = {
      original: pointOf(own, 0),
      scrubbed: pointOf(await conceptJudge.scores(drawn.scrubbed), 0),
    };
    return {
      ...{ kind: attack.id, curves: [...curves.values()], asked },
      caution: cautionOf(threshold, [asked.original, ...(curves.get('original')?.points ?? [])]),
    };
  } finally {
    await conceptJudge.release();
  }
}

/** @param ofOriginal all that was drawn with it */
function cautionOf(threshold: number | null, ofOriginal: readonly CurvePoint[]): string | null {
  if (threshold === null) {
    return 'The original’s own pictures hardly show the concept: these figures mean little. Give prompts that it draws well, or another anchor.';
  }
  return ofOriginal.every(({ shown }) => shown === 0)
    ? 'Nothing came from the original either: these figures say nothing of what was forgotten.'
    : null;
}

function openJudge(
  { checkpoint, encoded, unet, parameters }: AttackedModel,
  { classifier, drawing, retain, seed, device, threads }: AttackSettings,
): Promise<ConceptJudge> {
  if (classifier) {
    const { width, height } = drawing;
    return openClassifierJudge(checkpoint, classifier, { width, height, device, threads });
  }
  return Promise.resolve(
    originalAsJudge({
      predict: (rows) => predictRows(unet, parameters, rows),
      ...{ ...judging, process: checkpoint.process, seed, retain, encoded: encoded.prompts },
      latentSize: elementCount(unet.latentShape.slice(1)),
    }),
  );
}
