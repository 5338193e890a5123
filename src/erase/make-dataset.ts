import path from 'node:path';

import { pathExists } from '../checkpoint/output-path.ts';
import { elementAt } from '../element-at.ts';
import { frameIn } from '../images/buckets.ts';
import { decodeImage } from '../images/decode-image.ts';
import { readImageFolder } from '../images/image-folder.ts';
import type { Condition } from '../families/family.ts';
import { type Checkpoint, latentSize } from '../families/checkpoint.ts';
import { asDrawn, samplingOf } from '../drawing/drawing.ts';
import { drawLatents } from '../pipeline/draw-latents.ts';
import { requireWholeLatents } from '../pipeline/whole-latents.ts';
import { requireEncoded } from '../families/encoded-prompt.ts';
import type { EncodedPromptSet } from '../families/encoded-prompt.ts';
import type { UnetSession } from '../pipeline/unet-session.ts';
import type { TensorSet } from '../runtime/tensor-set.ts';
import { createGenerator, seedFor } from '../tensor/random.ts';
import { deriveAnchors } from './anchors.ts';
import type { DatasetItem } from '../training/dataset.ts';
import type { Role } from '../evaluation/figure.ts';
import type { EraseJob } from './job.ts';
import { arrange, arrangeInAll } from './picture-shapes.ts';
import type { PictureSize } from '../images/picture-size.ts';
import { drawnFolderOf, picturesOfSet } from './set-pictures.ts';
import { methodOf } from '../methods/registry.ts';

/** An image file and the prompt it is trained with. */
export interface CaptionedFile {
  readonly file: string;
  readonly prompt: string;
  /** Of the picture, upright. */
  readonly size: PictureSize;
}

/**
 * The pictures that a job names; null where the model draws them itself, or none are needed. All prompts
 * are as the model is asked with them.
 */
export interface JobImages {
  readonly forget: readonly CaptionedFile[] | null;
  readonly retain: readonly CaptionedFile[] | null;
  /** Whether the model draws pictures of a set: of concepts that none are given of, beside others'. */
  readonly areMissing: Readonly<Record<Role, boolean>>;
  /** Each prompt that is forgotten, captions included, with what it is steered to. */
  readonly anchors: ReadonlyMap<string, string>;
}

/**
 * Reads the job's folders, those that a web UI drew for it where it names none. Pictures without a
 * caption take the job's prompts in turn. Where they are fewer than the prompts to forget, which are
 * wordings of one thing, they come again with the others. Folders that its method has no use for are
 * left alone.
 *
 * @param folder the job's
 */
export async function readJobImages(
  job: EraseJob,
  folder: string,
  { readCaption }: Pick<Condition, 'readCaption'>,
): Promise<JobImages> {
  const forgetPrompts = job.forget.map(({ prompt }) => prompt);
  const { pictures } = methodOf(job.settings);
  const folderOf = async (role: Role, given: string | null) =>
    pictures.includes(role) ? (given ?? (await drawnSet(folder, role))) : null;
  const read = (from: string | null, prompts: readonly string[]) =>
    captionedFiles(from, prompts, readCaption);
  // Of concepts that pictures are given of a web UI has drawn none.
  const without = job.concepts.filter(({ images }) => images === null);
  const commonPrompts =
    job.concepts.length === 0 ? forgetPrompts : without.flatMap(({ prompts }) => prompts);
  const common = withEveryPrompt(
    await read(await folderOf('forget', job.forgetImages), commonPrompts),
    commonPrompts,
  );
  const own = pictures.includes('forget') ? await conceptFiles(job, read) : null;
  const forget = common || own ? [...(common ?? []), ...(own ?? [])] : null;
  const retain = await read(await folderOf('retain', job.retainImages), job.retain);
  const anchors = new Map(job.forget.map(({ prompt, anchor }) => [prompt, anchor]));
  const captions = [...new Set(forget?.map(({ prompt }) => prompt))].filter(
    (prompt) => !anchors.has(prompt),
  );
  const fixed = new Set(anchors.values()).size === 1 ? job.forget[0]?.anchor : undefined;
  const { retain: kept } = job;
  const derived = deriveAnchors([...forgetPrompts, ...captions], { retain: kept }).slice(
    forgetPrompts.length,
  );
  captions.forEach((caption, i) => anchors.set(caption, fixed ?? derived[i] ?? ''));
  const inFull = (text: string) => asDrawn(text, job.settings);
  const files = (all: readonly CaptionedFile[] | null) =>
    all?.map(({ file, prompt, size }) => ({ file, prompt: inFull(prompt), size })) ?? null;
  return {
    ...{ forget: files(forget), retain: files(retain) },
    areMissing: {
      forget: common === null && picturesOfSet(job, 'forget').length > 0,
      retain: retain === null && picturesOfSet(job, 'retain').length > 0,
    },
    anchors: new Map([...anchors].map((pair) => pair.map(inFull) as [string, string])),
  };
}

/** The pictures that are given of single concepts; null where there are none. */
async function conceptFiles(
  { concepts }: EraseJob,
  read: (from: string | null, prompts: readonly string[]) => ReturnType<typeof captionedFiles>,
): Promise<CaptionedFile[] | null> {
  const sets = await Promise.all(
    concepts.map(async ({ images, prompts }) =>
      withEveryPrompt(await read(images, prompts), prompts),
    ),
  );
  const given = sets.filter((set) => set !== null);
  return given.length === 0 ? null : given.flat();
}

async function drawnSet(jobFolder: string, role: Role): Promise<string | null> {
  const folder = path.join(drawnFolderOf(jobFolder), role);
  return (await pathExists(folder)) ? folder : null;
}

async function captionedFiles(
  folder: string | null,
  prompts: readonly string[],
  readCaption: Condition['readCaption'],
) {
  if (folder === null) return null;
  const images = await readImageFolder(folder);
  return images.map(({ file, caption, size }, i) => ({
    ...{ file, size },
    prompt: caption === undefined ? (prompts[i % prompts.length] ?? '') : readCaption(caption),
    isCaptioned: caption !== undefined,
  }));
}

/** Pictures without a caption again, for prompts that none of them had. */
function withEveryPrompt(
  images: Awaited<ReturnType<typeof captionedFiles>>,
  prompts: readonly string[],
): CaptionedFile[] | null {
  const free = images?.filter(({ isCaptioned }) => !isCaptioned) ?? [];
  if (!images || free.length === 0) return images;
  const had = new Set(images.map(({ prompt }) => prompt));
  const others = prompts.filter((prompt) => !had.has(prompt));
  const again = others.flatMap((prompt, i) => {
    const image = free[i % free.length];
    return image ? [{ ...image, prompt }] : [];
  });
  return [...images, ...again];
}

/** Encodes image files, each in its shape of the job's. */
export async function encodeImages(
  checkpoint: Checkpoint,
  job: EraseJob,
  sets: Readonly<Record<Role, readonly CaptionedFile[]>>,
  signal: AbortSignal,
): Promise<Record<Role, DatasetItem[]>> {
  const { width, height, seed } = job.settings;
  const { device, threads } = job;
  const isShaped = job.shapes.length > 0;
  const shapes: readonly PictureSize[] = isShaped ? job.shapes : [{ width, height }];
  const drawn = (files: readonly CaptionedFile[]) =>
    files.map((file) => ({ ...file, shape: { width, height } }));
  const arranged = [
    isShaped ? arrange(sets.forget, job.shapes) : drawn(sets.forget),
    isShaped ? arrangeInAll(sets.retain, job.shapes) : drawn(sets.retain),
  ] as const;
  const itemsOf = (files: readonly unknown[]): DatasetItem[] =>
    Array.from({ length: files.length });
  const encoded = [itemsOf(arranged[0]), itemsOf(arranged[1])] as const;
  // One encoder at a time: each is made for one shape.
  for (const shape of shapes) {
    const encoder = await checkpoint.codec.openEncoder({ ...sizeOf(shape), device, threads });
    try {
      for (const [set, files] of arranged.entries()) {
        for (const [i, file] of files.entries()) {
          if (!isSameShape(file.shape, shape)) continue;
          signal.throwIfAborted();
          const generator = createGenerator(seedFor(seed, 'posterior', set, i));
          const image = await decodeImage(file.file, sizeOf(shape));
          const latents = await encoder.encode(image, (count) => generator.randn(count));
          elementAt(encoded, set)[i] = {
            ...{ prompt: file.prompt, latents, size: latentSize(checkpoint, shape) },
            framing: frameIn(sizeOf(shape), file.size),
          };
        }
      }
    } finally {
      await encoder.release();
    }
  }
  const [forget, retain] = encoded;
  return { forget, retain };
}

const sizeOf = ({ width, height }: PictureSize): PictureSize => ({ width, height });

const isSameShape = (a: PictureSize, b: PictureSize) =>
  a.width === b.width && a.height === b.height;

/** What drawing a set of pictures needs. */
export interface DrawingTools {
  readonly checkpoint: Checkpoint;
  readonly unet: UnetSession;
  readonly parameters: TensorSet;
  readonly encoded: EncodedPromptSet;
}

/** Has the model draw the pictures of a set. */
export async function drawImages(
  { checkpoint, unet, parameters, encoded }: DrawingTools,
  job: EraseJob,
  role: Role,
  signal: AbortSignal,
): Promise<DatasetItem[]> {
  const { settings } = job;
  const { process, condition } = checkpoint;
  const pictures = picturesOfSet(job, role);
  const unconditional = condition.unconditional(encoded.prompts, settings.negative);
  const items: DatasetItem[] = [];
  while (items.length < pictures.length) {
    const { size: shape } = elementAt(pictures, items.length);
    const others = pictures.slice(items.length);
    const end = others.findIndex(({ size }) => !isSameShape(size, shape));
    const images = others
      .slice(0, end < 0 ? others.length : end)
      .map(({ prompt, caption, seed }) => ({
        ...{ prompt: asDrawn(prompt, settings), caption: asDrawn(caption, settings), seed },
      }));
    const size = latentSize(checkpoint, shape);
    const drawn = await drawLatents(
      { unet, parameters },
      images.map(({ prompt, seed }) => ({
        ...{ prompt: requireEncoded(encoded.prompts, prompt), unconditional, seed },
      })),
      { ...samplingOf(settings), process, size },
      { signal },
    );
    for (const [i, latents] of drawn.entries()) {
      const { prompt, caption } = elementAt(images, i);
      requireWholeLatents(checkpoint, latents, prompt);
      items.push({ prompt: caption, latents, size, framing: null });
    }
  }
  return items;
}
