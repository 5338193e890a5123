import * as z from 'zod';

/** What a person may say a model predicts: `v-ztsnr` also that its schedule ends in pure noise. */
export const predictionWishes = ['epsilon', 'v', 'v-ztsnr'] as const;
export type PredictionWish = (typeof predictionWishes)[number];

/** Each choice in few words. */
export const predictionChoices = {
  epsilon: 'Noise (epsilon)',
  v: 'v',
  'v-ztsnr': 'v, zero terminal SNR',
} satisfies Record<PredictionWish, string>;

/** For whoever reads texts or sizes only: what a model predicts may not be settled yet. */
export const anyPrediction: PredictionWish = 'epsilon';

/** What a model is run and trained as, and why. A job keeps it. */
export const predictionReadingSchema = z.object({
  predictionType: z.enum(['epsilon', 'v_prediction']),
  /** Whether the noise schedule is rescaled to end in pure noise (arXiv 2305.08891). */
  zeroTerminalSnr: z.boolean(),
  /** Stated in or beside the file; assumed, as nothing states it; or chosen by the person. */
  basis: z.enum(['stated', 'assumed', 'chosen']),
  /** What it is known from: `parameterization "v" in "model.yaml"`. */
  source: z.string(),
  /** What a person should know before a training: that it is assumed, what speaks against it. */
  remarks: z.array(z.string()),
});
export type PredictionReading = z.infer<typeof predictionReadingSchema>;

/** What is predicted, as the end of "it predicts …". */
export const trainedTitles: Readonly<Record<PredictionReading['predictionType'], string>> = {
  epsilon: 'noise (epsilon)',
  v_prediction: 'v',
};

/** What a model predicts, in few words: `v, zero terminal SNR`. */
export function predictionTitle({
  predictionType,
  zeroTerminalSnr,
}: Pick<PredictionReading, 'predictionType' | 'zeroTerminalSnr'>): string {
  return trainedTitles[predictionType] + (zeroTerminalSnr ? ', zero terminal SNR' : '');
}

/** A reading in few words: `v (zero terminal SNR): the tensor "v_pred"`. */
export function describeReading(reading: PredictionReading): string {
  const { predictionType, zeroTerminalSnr, basis, source } = reading;
  const type = zeroTerminalSnr ? `${predictionType}, zero terminal SNR` : predictionType;
  return basis === 'assumed' ? `${type} (assumed: ${source})` : `${type} (${source})`;
}
