import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import type { PixelImage } from '../images/pixels.ts';
import { GraphSession } from '../runtime/session.ts';
import { floatData, floatTensor } from '../runtime/tensor.ts';

/** What the classifiers that ship with the tiny model tell apart. */
export const tinyTraits = ['subject', 'colour', 'style'] as const;
export type TinyTrait = (typeof tinyTraits)[number];

/** What classifiers tell apart in a picture, by the name of each trait. */
export type Labels<Trait extends string> = Readonly<Record<Trait, readonly string[]>>;
export type Seen<Trait extends string> = Readonly<Record<Trait, string>>;

/** Classifiers beside a model, one `cls-TRAIT.onnx` for each trait, their labels in `classifiers.json`. */
export class Judge<Trait extends string = TinyTrait> {
  private readonly sessions: ReadonlyMap<Trait, GraphSession>;
  readonly labels: Labels<Trait>;

  private constructor(sessions: ReadonlyMap<Trait, GraphSession>, labels: Labels<Trait>) {
    this.sessions = sessions;
    this.labels = labels;
  }

  /** @param folder where the classifiers lie */
  static async create<Trait extends string>(
    folder: string,
    traits: readonly Trait[],
    threads: number,
  ): Promise<Judge<Trait>> {
    const text = await readFile(path.join(folder, 'classifiers.json'), 'utf8');
    const schema = z.object({ labels: z.record(z.enum(traits), z.array(z.string())) });
    const { labels } = schema.parse(JSON.parse(text));
    const sessions = new Map<Trait, GraphSession>();
    for (const trait of traits) {
      const file = path.join(folder, `cls-${trait}.onnx`);
      sessions.set(trait, await GraphSession.open(file, threads));
    }
    return new Judge(sessions, labels);
  }

  /** What a picture shows; it is as large as those that the classifiers were made for. */
  async judge({ data, width, height }: PixelImage): Promise<Seen<Trait>> {
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
    return seen as Seen<Trait>;
  }

  async release(): Promise<void> {
    for (const session of this.sessions.values()) await session.release();
  }
}
