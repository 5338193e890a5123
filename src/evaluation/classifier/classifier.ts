import { AppError } from '../../errors.ts';
import type { PixelImage } from '../../images/pixels.ts';
import { type DeclaredTensor, GraphSession } from '../../runtime/session.ts';
import { floatData, floatTensor } from '../../runtime/tensor.ts';
import type { ClassifierChoice } from './classifier-choice.ts';
import { findLabel, splitLabels } from './classes.ts';
import { type Labels, readLabels } from './labels.ts';
import { resizedBytes } from './resized-bytes.ts';

/** What most classifiers of pictures take where their file leaves it open. */
const usualSide = 224;
/** The same for detectors. */
const usualDetectorSide = 320;
/** Numbers of a box before the scores of its labels: its place and size. */
const boxNumbers = 4;
/** The score from which on a detector's box counts, as NudeNet and most others of YOLO's make take it. */
const boxCounts = 0.25;

type Scaling = Omit<Labels, 'lists'>;

/** How the graph wants a picture. */
interface InputLayout {
  readonly name: string;
  /** Colours before rows and columns, or after them. */
  readonly order: 'NCHW' | 'NHWC';
  readonly width: number;
  readonly height: number;
}

/**
 * A classifier of pictures in a `.onnx` file, or a detector of YOLO's make, which gives boxes as columns of
 * `[1, 4 + labels, boxes]`; on the CPU. Release it.
 */
export class Classifier {
  /** In the order of its outputs. */
  readonly labels: readonly string[];
  /** Those that count as the concept. */
  readonly classes: readonly string[];
  /** Whether it gives boxes. */
  private readonly isDetector: boolean;
  private readonly session: GraphSession;
  private readonly input: InputLayout;
  private readonly output: string;
  private readonly scaling: Scaling;

  private constructor(
    session: GraphSession,
    parts: {
      input: InputLayout;
      output: DeclaredTensor;
      labels: readonly string[];
      classes: readonly string[];
      scaling: Scaling;
    },
  ) {
    this.session = session;
    this.input = parts.input;
    this.output = parts.output.name;
    this.isDetector = givesBoxes(parts.output);
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
        input: inputLayout(
          choice.file,
          onlyTensor(choice.file, 'inputs', inputs),
          givesBoxes(output) ? usualDetectorSide : usualSide,
        ),
        output,
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
   * What it sees in a picture, which is scaled to its size: a classifier one label, that of the highest
   * output; a detector those of all boxes that count, the surest first.
   *
   * @throws AppError `judge.invalid` where it does not give a number a label
   */
  async labelsIn(image: PixelImage): Promise<readonly string[]> {
    const scores = await this.scores(image);
    const ranked = this.labels
      .map((label, i) => ({ label, score: scores[i] ?? Number.NaN }))
      .sort((a, b) => b.score - a.score);
    const seen = this.isDetector
      ? ranked.filter(({ score }) => score >= boxCounts)
      : ranked.slice(0, 1);
    return seen.map(({ label }) => label);
  }

  /**
   * The score of each label, in their order; of a detector that of its surest box.
   *
   * @throws AppError `judge.invalid` where it does not give a number a label
   */
  async scores(image: PixelImage): Promise<number[]> {
    const { name, order, width, height } = this.input;
    const pixels = await this.pixelsOf(image);
    const shape = order === 'NCHW' ? [1, 3, height, width] : [1, height, width, 3];
    const { [this.output]: given } = await this.session.run({
      [name]: floatTensor(pixels, shape),
    });
    const values = given ? floatData(given) : new Float32Array();
    const count = this.labels.length;
    // Each label has a number, or one for each box; boxes have their places beside.
    const numbers = this.isDetector ? (given?.dims[1] ?? 0) - boxNumbers : values.length;
    if (numbers !== count) {
      throw new AppError(
        'judge.invalid',
        `the classifier gave ${numbers} numbers for ${count} labels. Give the labels that belong to it.`,
      );
    }
    return this.isDetector ? surest(values, count) : [...values];
  }

  async release(): Promise<void> {
    await this.session.release();
  }

  private async pixelsOf(image: PixelImage): Promise<Float32Array> {
    const { order, width, height } = this.input;
    const { mean, std, resize } = this.scaling;
    const bytes = await resizedBytes(image, { width, height }, resize);
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

/** The highest score of each label among boxes, [4 + labels, boxes]. */
function surest(values: Float32Array, labels: number): number[] {
  const boxes = values.length / (boxNumbers + labels);
  return Array.from({ length: labels }, (_, label) =>
    values
      .subarray((boxNumbers + label) * boxes, (boxNumbers + label + 1) * boxes)
      .reduce((most, score) => Math.max(most, score), 0),
  );
}

const givesBoxes = ({ shape }: DeclaredTensor) => shape.length === 3;

/**
 * Makes sure that a classifier can judge, before there is anything to judge.
 *
 * @throws AppError `judge.invalid`
 */
export async function requireClassifier(choice: ClassifierChoice): Promise<void> {
  const classifier = await Classifier.open(choice, 1);
  try {
    await classifier.scores({ data: new Float32Array(3 * 64 * 64), width: 64, height: 64 });
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

function inputLayout(file: string, { name, shape }: DeclaredTensor, usual: number): InputLayout {
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
    typeof dimension === 'number' ? dimension : usual;
  return { name, order, width: sideOf(width), height: sideOf(height) };
}

/** Rows of boxes that are scores of labels. */
function labelsOfBoxes({ shape: [, rows] }: DeclaredTensor): number | string | undefined {
  return typeof rows === 'number' ? rows - boxNumbers : rows;
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
  const wanted = givesBoxes(output) ? labelsOfBoxes(output) : output.shape.at(-1);
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
