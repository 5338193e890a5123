import sharp from 'sharp';

import { AppError } from '../../errors.ts';
import { type PixelImage, toRgbBytes } from '../../images/pixels.ts';
import { type DeclaredTensor, GraphSession } from '../../runtime/session.ts';
import { floatData, floatTensor } from '../../runtime/tensor.ts';
import type { ClassifierChoice } from './classifier-choice.ts';
import { findLabel, splitLabels } from './classes.ts';
import { type Labels, readLabels } from './labels.ts';

/** What most classifiers of pictures take where their file leaves it open. */
const usualSide = 224;

/** How the graph wants a picture. */
interface InputLayout {
  readonly name: string;
  /** Colours before rows and columns, or after them. */
  readonly order: 'NCHW' | 'NHWC';
  readonly width: number;
  readonly height: number;
}

/** A classifier of pictures in a `.onnx` file, on the CPU. Release it. */
export class Classifier {
  /** In the order of its outputs. */
  readonly labels: readonly string[];
  /** Those that count as the concept. */
  readonly classes: readonly string[];
  private readonly session: GraphSession;
  private readonly input: InputLayout;
  private readonly output: string;
  private readonly scaling: Pick<Labels, 'mean' | 'std'>;

  private constructor(
    session: GraphSession,
    parts: {
      input: InputLayout;
      output: string;
      labels: readonly string[];
      classes: readonly string[];
      scaling: Pick<Labels, 'mean' | 'std'>;
    },
  ) {
    this.session = session;
    this.input = parts.input;
    this.output = parts.output;
    this.labels = parts.labels;
    this.classes = parts.classes;
    this.scaling = parts.scaling;
  }

  /**
   * Opens a classifier with its labels.
   *
   * @throws AppError `judge.invalid` where the files do not fit each other or the chosen classes
   */
  static async open(choice: ClassifierChoice, threads: number): Promise<Classifier> {
    const [labelsFile, list] = splitLabels(choice.labels);
    const { lists, ...scaling } = await readLabels(labelsFile);
    const session = await openSession(choice.file, threads);
    try {
      const { inputs, outputs } = session.declaredTensors();
      const output = onlyTensor(choice.file, 'outputs', outputs);
      const labels = chooseList(lists, { list, labelsFile, output });
      return new Classifier(session, {
        input: inputLayout(choice.file, onlyTensor(choice.file, 'inputs', inputs)),
        output: output.name,
        labels,
        classes: choice.classes.map((name) => findLabel(labels, name)),
        scaling,
      });
    } catch (error) {
      await session.release();
      throw error;
    }
  }

  /**
   * The label of the highest output for a picture, which is scaled to the classifier's size.
   *
   * @throws AppError `judge.invalid` where the classifier does not give one number a label
   */
  async classify(image: PixelImage): Promise<string> {
    const { name, order, width, height } = this.input;
    const pixels = await this.pixelsOf(image);
    const shape = order === 'NCHW' ? [1, 3, height, width] : [1, height, width, 3];
    const { [this.output]: scores } = await this.session.run({
      [name]: floatTensor(pixels, shape),
    });
    const values = scores ? floatData(scores) : new Float32Array();
    const label = this.labels[values.indexOf(Math.max(...values))];
    if (values.length !== this.labels.length || label === undefined) {
      throw new AppError(
        'judge.invalid',
        `the classifier gave ${values.length} numbers for ${this.labels.length} labels. Give the labels that belong to it.`,
      );
    }
    return label;
  }

  async release(): Promise<void> {
    await this.session.release();
  }

  private async pixelsOf(image: PixelImage): Promise<Float32Array> {
    const { order, width, height } = this.input;
    const raw = { width: image.width, height: image.height, channels: 3 as const };
    const bytes = await sharp(toRgbBytes(image), { raw })
      .resize(width, height, { fit: 'fill', kernel: 'cubic' })
      .raw()
      .toBuffer();
    const { mean, std } = this.scaling;
    const plane = width * height;
    const pixels = new Float32Array(3 * plane);
    for (const [i, byte] of bytes.entries()) {
      const [pixel, colour] = [Math.floor(i / 3), i % 3];
      const at = order === 'NCHW' ? colour * plane + pixel : i;
      pixels[at] = (byte / 255 - (mean[colour] ?? Number.NaN)) / (std[colour] ?? Number.NaN);
    }
    return pixels;
  }
}

/**
 * Makes sure that a classifier can judge, before there is anything to judge.
 *
 * @throws AppError `judge.invalid`
 */
export async function requireClassifier(choice: ClassifierChoice): Promise<void> {
  const classifier = await Classifier.open(choice, 1);
  try {
    await classifier.classify({ data: new Float32Array(3 * 64 * 64), width: 64, height: 64 });
  } finally {
    await classifier.release();
  }
}

async function openSession(file: string, threads: number): Promise<GraphSession> {
  try {
    return await GraphSession.open(file, threads);
  } catch (cause) {
    const detail = cause instanceof Error ? cause.message : String(cause);
    throw new AppError(
      'judge.invalid',
      `the classifier "${file}" cannot be opened: ${detail}. Give a classifier of pictures as one .onnx file.`,
      { cause },
    );
  }
}

/** A classifier of pictures takes one tensor and gives one. */
function onlyTensor(
  file: string,
  what: 'inputs' | 'outputs',
  tensors: readonly DeclaredTensor[],
): DeclaredTensor {
  const [tensor, ...more] = tensors;
  if (tensor?.type === 'float32' && more.length === 0) return tensor;
  const found = tensors.map(({ name, type }) => `${name} (${type ?? 'no tensor'})`).join(', ');
  throw new AppError(
    'judge.invalid',
    `the classifier "${file}" has the ${what} ${found}; one of float32 is expected. Export it with one picture in and one row of scores out.`,
  );
}

function inputLayout(file: string, { name, shape }: DeclaredTensor): InputLayout {
  const [, second, third, fourth] = shape;
  const order = second === 3 ? 'NCHW' : fourth === 3 ? 'NHWC' : null;
  if (shape.length !== 4 || order === null) {
    throw new AppError(
      'judge.invalid',
      `the classifier "${file}" takes [${shape.join(', ')}]; pictures are [n, 3, height, width] or [n, height, width, 3]. Export it for RGB pictures.`,
    );
  }
  const [height, width] = order === 'NCHW' ? [third, fourth] : [second, third];
  const sideOf = (dimension: number | string | undefined) =>
    typeof dimension === 'number' ? dimension : usualSide;
  return { name, order, width: sideOf(width), height: sideOf(height) };
}

/** The list that was named, or else the one that has as many labels as the classifier outputs. */
function chooseList(
  lists: Labels['lists'],
  {
    list,
    labelsFile,
    output,
  }: { list?: string | undefined; labelsFile: string; output: DeclaredTensor },
): readonly string[] {
  const wanted = output.shape.at(-1);
  const fitting = [...lists].filter(
    ([name, labels]) =>
      (list === undefined || name === list) &&
      (typeof wanted !== 'number' || labels.length === wanted),
  );
  const [chosen, ...more] = fitting;
  if (chosen && more.length === 0) return chosen[1];
  const found = [...lists].map(([name, { length }]) => `${name ? `${name}: ` : ''}${length}`);
  throw new AppError(
    'judge.invalid',
    chosen
      ? `the labels "${labelsFile}" have several lists that fit (${fitting.map(([name]) => name).join(', ')}). Name one: ${labelsFile}#${chosen[0]}.`
      : `the classifier tells ${String(wanted)} classes apart, but the labels "${labelsFile}" have ${found.join(', ')}${list === undefined ? '' : ` and ${list} was asked for`}. Give the labels that belong to it.`,
  );
}
