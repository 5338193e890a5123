import path from 'node:path';
import { z } from 'zod';
import { pathExists } from '../checkpoint/output-path.ts';
import { openSafetensors, type SafetensorsFile } from '../checkpoint/safetensors-reader.ts';
import { writeTensorFile, type TensorEntry } from '../checkpoint/tensor-file.ts';
import { AppError } from '../errors.ts';
import type { EncodedPrompt } from '../families/encoded-prompt.ts';
import type { Role } from '../evaluation/figure.ts';
import type { Framing } from '../images/picture-size.ts';
import { dimAt } from '../onnx/shape.ts';
import type { Shape } from '../tensor/shape.ts';
import { readElements } from '../runtime/read-back.ts';
import { TensorSet } from '../runtime/tensor-set.ts';
import { floatTensor } from '../runtime/tensor.ts';
import { guardStateSchema } from './collapse-guard.ts';
import type { Dataset, DatasetItem } from './dataset.ts';
import { endStateSchema, initialEndState } from './when-gone.ts';

/** Where a run stands after a number of outer steps. */
export interface RunState {
  readonly parameters: TensorSet;
  /** What else the method's trainer needs, by its names of them. */
  readonly sets: ReadonlyMap<string, TensorSet>;
  readonly progress: RunProgress;
}

const progressSchema = z.object({
  /** Outer steps done. */
  step: z.number().int().min(0),
  guard: guardStateSchema,
  /** Runs of earlier versions took all their steps. */
  end: endStateSchema.default(initialEndState),
});
export type RunProgress = z.infer<typeof progressSchema>;

const stateFile = (folder: string) => path.join(folder, 'state.safetensors');
const healthyFile = (folder: string) => path.join(folder, 'healthy.safetensors');
const datasetFile = (folder: string) => path.join(folder, 'dataset.safetensors');

/** Writes everything that `readRunState` needs; the file before stays until this one is whole. */
export async function writeRunState(folder: string, state: RunState): Promise<void> {
  const entries = [
    ...setEntries('parameter', state.parameters),
    ...[...state.sets].flatMap(([name, set]) => setEntries(name, set)),
  ];
  await writeTensorFile(stateFile(folder), entries, {
    progress: JSON.stringify(state.progress),
  });
}

/**
 * The state of an interrupted run, or null where none was written.
 *
 * @param setNames of the sets besides the parameters
 * @throws AppError `job.damaged`
 */
export async function readRunState(
  folder: string,
  setNames: readonly string[],
): Promise<RunState | null> {
  if (!(await pathExists(stateFile(folder)))) return null;
  return withFile(stateFile(folder), async (file) => {
    const progress = progressSchema.parse(JSON.parse(file.metadata.get('progress') ?? 'null'));
    const sets = new Map<string, TensorSet>();
    for (const name of setNames) sets.set(name, await readSet(file, name));
    return { parameters: await readSet(file, 'parameter'), sets, progress };
  });
}

/** Parameters that were found in good health, and after how many outer steps. */
export interface HealthyState {
  readonly parameters: TensorSet;
  readonly step: number;
}

/** Keeps the parameters of a step at which the model was found in good health, in the place of an earlier one's. */
export async function writeHealthy(folder: string, state: HealthyState): Promise<void> {
  const entries = setEntries('parameter', state.parameters);
  await writeTensorFile(healthyFile(folder), entries, { step: String(state.step) });
}

/** The last of them, or null where no step was found in good health. */
export async function readHealthy(folder: string): Promise<HealthyState | null> {
  if (!(await pathExists(healthyFile(folder)))) return null;
  return withFile(healthyFile(folder), async (file) => {
    const step = z.coerce.number().int().min(1).parse(file.metadata.get('step'));
    return { parameters: await readSet(file, 'parameter'), step };
  });
}

/** Keeps the encoded pictures and prompts, so that a resumed run need not make them again. */
export async function writeDataset(
  folder: string,
  dataset: Dataset,
  { channels, contextShape }: { channels: number; contextShape: Shape },
): Promise<void> {
  const itemEntries = (role: string, items: readonly DatasetItem[]) =>
    items.map(({ latents, size: { latentHeight, latentWidth } }, i) =>
      entry(`${role}.${i}`, [channels, latentHeight, latentWidth], latents),
    );
  const framingsOf = (items: readonly DatasetItem[]) => items.map(({ framing }) => framing);
  const entries = [
    ...itemEntries('forget', dataset.forget),
    ...itemEntries('retain', dataset.retain),
    ...[...dataset.prompts.values()].flatMap(({ context, pooled }, i) => [
      entry(`context.${i}`, contextShape, context),
      ...(pooled ? [entry(pooledName(i), [pooled.length], pooled)] : []),
    ]),
  ];
  const table = {
    prompts: [...dataset.prompts.keys()],
    forget: dataset.forget.map(({ prompt }) => prompt),
    retain: dataset.retain.map(({ prompt }) => prompt),
    anchors: [...dataset.anchors],
    framings: { forget: framingsOf(dataset.forget), retain: framingsOf(dataset.retain) },
  };
  await writeTensorFile(datasetFile(folder), entries, { table: JSON.stringify(table) });
}

const pooledName = (prompt: number) => `pooled.${prompt}`;

const framingSchema = z
  .object({
    original: z.object({ width: z.number(), height: z.number() }),
    top: z.number(),
    left: z.number(),
  })
  .nullable() satisfies z.ZodType<Framing | null>;

const datasetTableSchema = z.object({
  prompts: z.array(z.string()),
  forget: z.array(z.string()),
  retain: z.array(z.string()),
  anchors: z.array(z.tuple([z.string(), z.string()])),
  /** Those of earlier versions were not kept, and trained as if their pictures were drawn. */
  framings: z
    .object({ forget: z.array(framingSchema), retain: z.array(framingSchema) })
    .default({ forget: [], retain: [] }),
});

/** The data of an interrupted run, or null where it was not finished. */
export async function readDataset(folder: string): Promise<Dataset | null> {
  if (!(await pathExists(datasetFile(folder)))) return null;
  return withFile(datasetFile(folder), async (file) => {
    const table = datasetTableSchema.parse(JSON.parse(file.metadata.get('table') ?? 'null'));
    const items = (role: Role) =>
      Promise.all(
        table[role].map(async (prompt, i): Promise<DatasetItem> => {
          const name = `${role}.${i}`;
          const shape = file.tensors.get(name)?.shape ?? [];
          return {
            prompt,
            latents: await file.readFloat32(name),
            size: { latentHeight: dimAt(shape, -2), latentWidth: dimAt(shape, -1) },
            framing: table.framings[role][i] ?? null,
          };
        }),
      );
    const prompts = new Map<string, EncodedPrompt>();
    for (const [i, prompt] of table.prompts.entries()) {
      const context = await file.readFloat32(`context.${i}`);
      const isPooled = file.tensors.has(pooledName(i));
      prompts.set(prompt, {
        context,
        pooled: isPooled ? await file.readFloat32(pooledName(i)) : null,
      });
    }
    return {
      forget: await items('forget'),
      retain: await items('retain'),
      anchors: new Map(table.anchors),
      prompts,
    };
  });
}

function entry(name: string, shape: Shape, elements: Float32Array): TensorEntry {
  return { name, shape, elements: () => Promise.resolve(elements) };
}

function setEntries(part: string, set: TensorSet): TensorEntry[] {
  return [...set.entries()].map(([name, tensor]) => ({
    name: `${part}:${name}`,
    shape: tensor.dims,
    elements: () => readElements(tensor),
  }));
}

async function readSet(file: SafetensorsFile, part: string): Promise<TensorSet> {
  const set = new TensorSet();
  for (const { name, shape } of file.tensors.values()) {
    if (!name.startsWith(`${part}:`)) continue;
    set.put(name.slice(part.length + 1), floatTensor(await file.readFloat32(name), shape));
  }
  return set;
}

async function withFile<T>(filePath: string, use: (file: SafetensorsFile) => Promise<T>) {
  try {
    const file = await openSafetensors(filePath);
    try {
      return await use(file);
    } finally {
      await file.close();
    }
  } catch (cause) {
    const folder = path.dirname(filePath);
    throw new AppError(
      'job.damaged',
      `the saved state "${filePath}" cannot be read (${reasonOf(cause)}). Delete the folder "${folder}" and resume the job: it then begins anew.`,
      { cause },
    );
  }
}

function reasonOf(cause: unknown): string {
  if (cause instanceof z.ZodError) return 'its table is not as it was written';
  return cause instanceof AppError ? cause.code : String(cause);
}
