import path from 'node:path';

import type { LdmConfig } from '../ldm-config.ts';
import { modelTitle } from '../../../checkpoint/output-path.ts';
import { readProvenance } from '../../../checkpoint/provenance.ts';
import { type VersionId, versionOf } from '../version.ts';
import type { TensorStore } from '../../../checkpoint/tensor-store.ts';
import { markerStatements } from './marker-statements.ts';
import { metadataStatements } from './metadata-statements.ts';
import { type ModelName, nameEvidence } from './name-evidence.ts';
import {
  type PredictionReading,
  predictionReadingSchema,
  type PredictionWish,
} from '../../../diffusion/prediction-reading.ts';
import { reconcilePrediction } from './reconcile.ts';
import type { Statement } from './statement.ts';
import { weightEvidence } from './weight-evidence.ts';

/** What is read of an open model. */
export type PredictionSource = Pick<TensorStore, 'path' | 'tensors' | 'metadata' | 'readFloat32'>;

/**
 * What a model predicts, by everything that people's files have: the config beside it or a diffusers
 * folder's, marker tensors, metadata; else how its predecessor was trained, its weights and its names.
 *
 * @param known what the person chose, or what a job found before; undefined for neither
 * @throws AppError as `reconcilePrediction`
 */
export async function readPrediction(
  source: PredictionSource,
  { family, ldmConfig }: { family: VersionId; ldmConfig: LdmConfig | undefined },
  known: PredictionWish | PredictionReading | undefined,
): Promise<PredictionReading> {
  if (typeof known === 'object') return known;
  const statements = [
    ...(ldmConfig?.statements ?? []),
    ...markerStatements(source.tensors),
    ...metadataStatements(source.metadata),
  ];
  const evidence = [
    ...provenanceEvidence(source),
    ...(await weightEvidence(source, family)),
    ...(ldmConfig?.silent ?? []),
    ...nameEvidence(namesOf(source, family), family),
  ];
  return reconcilePrediction({ path: source.path, statements, evidence }, known);
}

const provenanceSchema = predictionReadingSchema.pick({
  predictionType: true,
  zeroTerminalSnr: true,
});

/** A scrubbed model tells what it was trained as, whatever its name has become. */
function provenanceEvidence({ metadata }: PredictionSource): Statement[] {
  const { data } = provenanceSchema.safeParse(readProvenance(metadata)?.prediction);
  if (!data) return [];
  const { predictionType, zeroTerminalSnr } = data;
  const where = 'it was scrubbed as such a model ("erase_concept" in its metadata)';
  return [{ prediction: predictionType, zeroTerminalSnr, where }];
}

function namesOf({ path: modelPath, metadata }: PredictionSource, family: VersionId): ModelName[] {
  const title = metadata.get('modelspec.title');
  // Forge Neo takes an SDXL for a rectified flow by this word anywhere in its path.
  const folders = path
    .dirname(modelPath)
    .split(path.sep)
    .filter((name) => /rectified/i.test(name));
  return [
    { text: modelTitle(modelPath), where: 'its name' },
    ...(title === undefined ? [] : [{ text: title, where: 'modelspec.title in its metadata' }]),
    ...(versionOf(family).foldersTellPrediction ? folders : []).map((text) => ({
      text,
      where: `its folder "${text}"`,
    })),
  ];
}
