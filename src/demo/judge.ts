import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import type { PixelImage } from '../images/pixels.ts';
import { GraphSession } from '../runtime/session.ts';
import { floatData, floatTensor } from '../runtime/tensor.ts';

/** What the shipped classifiers tell apart in a picture of the tiny model. */
const traits = ['subject', 'colour', 'style'] as const;
export type Trait = (typeof traits)[number];
export type Traits = Readonly<Record<Trait, string>>;

const labelsSchema = z.object({ labels: z.record(z.enum(traits), z.array(z.string())) });

/** The classifiers that were trained with the tiny model: right on 1000 of 1000 real renders. */
export class Judge {
  private readonly sessions: ReadonlyMap<Trait, GraphSession>;
  readonly labels: Readonly<Record<Trait, readonly string[]>>;

  private constructor(
    sessions: ReadonlyMap<Trait, GraphSession>,
    labels: Readonly<Record<Trait, readonly string[]>>,
  ) {
    this.sessions = sessions;
    this.labels = labels;
  }

  static async create(folder: string, threads: number): Promise<Judge> {
    const text = await readFile(path.join(folder, 'classifiers.json'), 'utf8');
    const { labels } = labelsSchema.parse(JSON.parse(text));
    const sessions = new Map<Trait, GraphSession>();
    for (const trait of traits) {
      const file = path.join(folder, `cls-${trait}.onnx`);
      sessions.set(trait, await GraphSession.open(file, threads));
    }
    return new Judge(sessions, labels);
  }

  /** What a 64×64 picture shows. */
  async judge({ data, width, height }: PixelImage): Promise<Traits> {
    const image = floatTensor(
      data.map((x) => Math.min(1, Math.max(-1, x))),
      [1, 3, height, width],
    );
    const seen: Partial<Record<Trait, string>> = {};
    for (const [trait, session] of this.sessions) {
      const { logits } = await session.run({ image });
      if (!logits) throw new Error(`classifier ${trait} gave no logits`);
      const scores = floatData(logits);
      seen[trait] = this.labels[trait][scores.indexOf(Math.max(...scores))] ?? '';
    }
    return seen as Traits;
  }

  async release(): Promise<void> {
    for (const session of this.sessions.values()) await session.release();
  }
}
