import path from 'node:path';

import { AppError } from '../../../errors.ts';
import type { PredictionReading, PredictionWish } from '../../../diffusion/prediction-reading.ts';
import { kindTitles, type PredictionKind, type Statement } from './statement.ts';

/** Everything that tells what a model predicts. */
export interface PredictionSources {
  /** For messages. */
  readonly path: string;
  /** What is said in so many words. */
  readonly statements: readonly Statement[];
  /** What only suggests it, the weightiest first: it counts where nothing is stated. */
  readonly evidence: readonly Statement[];
}

type TrainedKind = PredictionReading['predictionType'];

/** A statement or a hint of what is predicted. */
type Claim = Statement & { readonly prediction: NonNullable<Statement['prediction']> };

/** A claim that is understood. */
type KnownClaim = Statement & { readonly prediction: PredictionKind };

/**
 * Decides what a model predicts. What is stated counts and must agree; a name or the like counts where
 * nothing is stated; noise is assumed where there is no hint either. A person's choice goes before
 * all: then what speaks against it is only remarked.
 *
 * @param wish the person's choice; undefined for none
 * @throws AppError `checkpoint.config` for statements that contradict each other or are not
 *   understood, `model.unsupported` for a kind that cannot be trained
 */
export function reconcilePrediction(
  sources: PredictionSources,
  wish: PredictionWish | undefined,
): PredictionReading {
  if (wish !== undefined) return chosenReading(sources, wish);
  const { statements, evidence } = sources;
  const stated = settle(sources, statements.filter(isClaim));
  const hints = evidence.filter(isClaim).filter(isKnown);
  const ending = requireOneEnding(sources);
  if (stated) return statedReading(sources, { stated, hints, ending });
  const [hint, ...others] = hints;
  if (!hint) return usualReading(sources, ending);
  const predictionType = requireTrained(sources, hint);
  requireFit(sources, { predictionType, where: hint.where }, ending);
  const zeroTerminalSnr = ending?.zeroTerminalSnr ?? hint.zeroTerminalSnr === true;
  const reading = {
    predictionType,
    zeroTerminalSnr,
    basis: 'assumed',
    source: hint.where,
  } as const;
  const assumption = `The model is taken to predict ${titleOf(reading)}: nothing states it, but ${hint.where}. ${otherwise(predictionType)}`;
  return { ...reading, remarks: [assumption, ...contradicted(others, reading)] };
}

function chosenReading(
  { statements, evidence }: PredictionSources,
  wish: PredictionWish,
): PredictionReading {
  const predictionType = wish === 'epsilon' ? 'epsilon' : 'v_prediction';
  const saysZero = statements.some(({ zeroTerminalSnr }) => zeroTerminalSnr === true);
  const zeroTerminalSnr = wish === 'v-ztsnr' || (wish === 'v' && saysZero);
  const reading = {
    predictionType,
    zeroTerminalSnr,
    basis: 'chosen',
    source: 'your choice',
  } as const;
  const claims = [...statements, ...evidence].filter(isClaim);
  // One of each kind: EDM's markers are several tensors.
  const against = claims.filter(
    ({ prediction }, i) =>
      prediction !== predictionType &&
      claims.findIndex((other) => other.prediction === prediction) === i,
  );
  const remarks = against.map(
    (claim) =>
      `The model is run as one that predicts ${titleOf(reading)}, as you chose, although ${quoteClaim(claim)}.`,
  );
  const ending = statements.find(
    (statement) => (statement.zeroTerminalSnr ?? zeroTerminalSnr) !== zeroTerminalSnr,
  );
  if (ending) {
    remarks.push(
      `Its noise schedule ${zeroTerminalSnr ? 'is rescaled' : 'is not rescaled'} to zero terminal SNR, as you chose, although ${ending.where} says otherwise.`,
    );
  }
  return { ...reading, remarks };
}

function statedReading(
  sources: PredictionSources,
  {
    stated,
    hints,
    ending,
  }: { stated: KnownClaim; hints: readonly KnownClaim[]; ending: Statement | undefined },
): PredictionReading {
  const predictionType = requireTrained(sources, stated);
  requireFit(sources, { predictionType, where: stated.where }, ending);
  const zeroTerminalSnr = ending?.zeroTerminalSnr === true;
  const source =
    zeroTerminalSnr && ending.where !== stated.where
      ? `${stated.where}, ${ending.where}`
      : stated.where;
  const reading = { predictionType, zeroTerminalSnr, basis: 'stated', source } as const;
  return { ...reading, remarks: contradicted(hints, reading) };
}

/** Nothing and nobody says anything. */
function usualReading(
  sources: PredictionSources,
  ending: Statement | undefined,
): PredictionReading {
  if (ending?.zeroTerminalSnr === true) {
    throw configError(
      sources,
      `${ending.where} says that it was trained to zero terminal SNR, but nothing says what it predicts (it cannot be noise)`,
      'Choose what is right',
    );
  }
  return {
    predictionType: 'epsilon',
    zeroTerminalSnr: false,
    basis: 'assumed',
    source: 'nothing says what it predicts',
    remarks: [
      `The model is taken to predict noise (epsilon), as is usual: nothing in its files and no name says what it predicts. ${otherwise('epsilon')}`,
    ],
  };
}

/** The one kind that all claims agree on; undefined where there is none. */
function settle(sources: PredictionSources, claims: readonly Claim[]): KnownClaim | undefined {
  const strange = claims.find(({ prediction }) => prediction === 'unknown');
  if (strange) {
    throw configError(
      sources,
      `${strange.where} says what it predicts, or how its noise schedule ends, in a way that is not known here`,
      'Correct it, or choose what is right',
    );
  }
  const known = claims.filter(isKnown);
  // EDM and rectified flow also have models whose output is called v: no contradiction.
  const special = known.find(({ prediction }) => prediction === 'edm' || prediction === 'flow');
  const others = special ? known.filter(({ prediction }) => prediction !== 'v_prediction') : known;
  const [first = special] = others;
  const second = others.find(({ prediction }) => prediction !== first?.prediction);
  if (first && second) {
    throw configError(
      sources,
      `its files contradict each other: ${quoteClaim(first)}, ${quoteClaim(second)}`,
      'Correct or remove the wrong one, or choose what is right',
    );
  }
  return first;
}

/** What is stated of the schedule's end; undefined where nothing is. */
function requireOneEnding(sources: PredictionSources): Statement | undefined {
  const said = sources.statements.filter(({ zeroTerminalSnr }) => zeroTerminalSnr !== undefined);
  const [yes, no] = [true, false].map((end) =>
    said.find(({ zeroTerminalSnr }) => zeroTerminalSnr === end),
  );
  if (yes && no) {
    throw configError(
      sources,
      `its files contradict each other: ${yes.where} says that its noise schedule ends in zero terminal SNR, ${no.where} that it does not`,
      'Correct or remove the wrong one, or choose what is right',
    );
  }
  return yes ?? no;
}

/** At pure noise, noise tells nothing of the picture: no such model can draw. */
function requireFit(
  sources: PredictionSources,
  { predictionType, where }: { predictionType: TrainedKind; where: string },
  ending: Statement | undefined,
): void {
  if (predictionType !== 'epsilon' || ending?.zeroTerminalSnr !== true) return;
  throw configError(
    sources,
    `its files contradict each other: ${ending.where} says that it was trained to zero terminal SNR, which a model cannot be that predicts noise (epsilon), and ${where} says that`,
    'Correct or remove the wrong one, or choose what is right',
  );
}

function requireTrained(sources: PredictionSources, claim: KnownClaim): TrainedKind {
  const { prediction, where } = claim;
  if (prediction === 'epsilon' || prediction === 'v_prediction') return prediction;
  throw new AppError(
    'model.unsupported',
    `"${path.basename(sources.path)}": this model predicts ${kindTitles[prediction]}: ${where}. Erasing from such models is not supported; use a model that predicts noise (epsilon) or v. ${otherwise(prediction)}`,
  );
}

function contradicted(
  hints: readonly KnownClaim[],
  reading: Omit<PredictionReading, 'remarks'>,
): string[] {
  return hints
    .filter(({ prediction }) => prediction !== reading.predictionType)
    .map(
      ({ prediction, where }) =>
        `It could be taken to predict ${kindTitles[prediction]}, as ${where}. What counts is: ${reading.source}.`,
    );
}

function configError(sources: PredictionSources, what: string, remedy: string): AppError {
  return new AppError('checkpoint.config', `"${path.basename(sources.path)}": ${what}.`, {
    remedy: {
      advice: remedy,
      settings: [
        { setting: 'prediction', value: 'epsilon' },
        { setting: 'prediction', value: 'v' },
      ],
    },
  });
}

function otherwise(prediction: PredictionKind): string {
  const other = { epsilon: 'v', v_prediction: 'epsilon' };
  const known = prediction in other ? other[prediction as keyof typeof other] : 'epsilon or v';
  return `If that is wrong, choose ${known} (the setting “prediction”).`;
}

function titleOf({
  predictionType,
  zeroTerminalSnr,
}: Pick<PredictionReading, 'predictionType' | 'zeroTerminalSnr'>): string {
  return kindTitles[predictionType] + (zeroTerminalSnr ? ' with zero terminal SNR' : '');
}

function quoteClaim({ prediction, where }: Claim): string {
  return prediction === 'unknown'
    ? `${where} says something else`
    : `${where} says that it predicts ${kindTitles[prediction]}`;
}

function isClaim(statement: Statement): statement is Claim {
  return statement.prediction !== undefined;
}

function isKnown(claim: Claim): claim is KnownClaim {
  return claim.prediction !== 'unknown';
}
