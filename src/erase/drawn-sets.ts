import { createHash } from 'node:crypto';
import { mkdir, readdir, rm, stat, utimes } from 'node:fs/promises';
import path from 'node:path';

import { openSafetensors } from '../checkpoint/safetensors-reader.ts';
import { writeTensorFile } from '../checkpoint/tensor-file.ts';
import { asDrawn, drawingIn } from '../drawing/drawing.ts';
import type { Role } from '../evaluation/figure.ts';
import { runtimeVersion } from '../runtime/backends.ts';
import type { Precision } from '../pipeline/unet-graph.ts';
import type { DatasetItem } from '../training/dataset.ts';
import { appVersion } from '../version.ts';
import type { TrainingJob } from './job.ts';
import { picturesOfSet } from './set-pictures.ts';

// Drawing its sets is much of a job's time, and the next job of the same model often has a set in common
// with it: the kept prompts of a preset, or all of them where only the rate of training was changed.

/** The latest ones stay: ten sets of 256 pictures of SDXL. */
const MAX_BYTES = 2 ** 30;

/** What the graph that draws is compiled for, besides what the job says. */
interface CompiledFor {
  readonly precision: Precision;
  /** Places of the longest prompt. */
  readonly tokens: number;
}

/**
 * What the latents of a set depend on, to the last bit: a job is the same whether its sets were drawn for
 * it or for another one.
 */
function digestOf(job: TrainingJob, role: Role, compiled: CompiledFor): string {
  const { settings, model, prediction, baseLoras, embeddings, device, threads } = job;
  const { train, adapter, batch } = settings;
  const cause = {
    programs: [appVersion, runtimeVersion()],
    model: model.sha256,
    prediction,
    loras: baseLoras.map(({ sha256, strength }) => [sha256, strength]),
    embeddings: embeddings.map(({ sha256 }) => sha256),
    graph: { device, threads, train, adapter, batch, shapes: job.shapes, ...compiled },
    drawing: drawingIn(settings),
    pictures: picturesOfSet(job, role),
  };
  return createHash('sha256').update(JSON.stringify(cause)).digest('hex');
}

/** The sets that the jobs of one data folder have drawn, in a folder that they share. */
export class DrawnSets {
  private readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  /** The set of an earlier job that is the same; null where there is none. */
  async find(job: TrainingJob, role: Role, compiled: CompiledFor): Promise<DatasetItem[] | null> {
    const file = this.fileOf(job, role, compiled);
    const store = await openSafetensors(file).catch(() => null);
    if (!store) return null;
    try {
      const pictures = picturesOfSet(job, role);
      if (store.tensors.size !== pictures.length) return null;
      const items: DatasetItem[] = [];
      for (const [i, { caption }] of pictures.entries()) {
        const [, latentHeight = 0, latentWidth = 0] = store.tensors.get(String(i))?.shape ?? [];
        const latents = await store.readFloat32(String(i));
        const size = { latentHeight, latentWidth };
        items.push({ prompt: asDrawn(caption, job.settings), latents, size, framing: null });
      }
      const now = new Date();
      await utimes(file, now, now);
      return items;
    } catch {
      // Damaged, or taken away meanwhile: it is drawn again.
      return null;
    } finally {
      await store.close();
    }
  }

  /** Keeps a set that was drawn, and as many of the others as there is room for. */
  async keep(
    job: TrainingJob,
    role: Role,
    compiled: CompiledFor,
    items: readonly DatasetItem[],
  ): Promise<void> {
    await mkdir(this.folder, { recursive: true });
    const entries = items.map(({ latents, size: { latentHeight, latentWidth } }, i) => ({
      name: String(i),
      shape: [latents.length / (latentHeight * latentWidth), latentHeight, latentWidth],
      elements: () => Promise.resolve(latents),
    }));
    await writeTensorFile(this.fileOf(job, role, compiled), entries, {});
    await this.makeRoom();
  }

  private fileOf(job: TrainingJob, role: Role, compiled: CompiledFor): string {
    return path.join(this.folder, `${digestOf(job, role, compiled)}.safetensors`);
  }

  private async makeRoom(): Promise<void> {
    const names = await readdir(this.folder);
    const files = await Promise.all(
      names.map(async (name) => {
        const file = path.join(this.folder, name);
        const found = await stat(file).catch(() => null);
        return { file, bytes: found?.size ?? 0, usedMs: found?.mtimeMs ?? 0 };
      }),
    );
    let bytes = 0;
    for (const { file, ...own } of files.sort((a, b) => b.usedMs - a.usedMs)) {
      bytes += own.bytes;
      if (bytes > MAX_BYTES) await rm(file, { force: true });
    }
  }
}
