import type { TensorTable } from '../checkpoint/safetensors-header.ts';
import type { TensorStore } from '../checkpoint/tensor-store.ts';
import type { Process } from '../diffusion/process.ts';
import type { SamplerName } from '../diffusion/samplers/registry.ts';
import type { Framing } from '../images/picture-size.ts';
import type { PixelImage } from '../images/pixels.ts';
import type { WeightSource } from '../models/weights.ts';
import type { GraphBuilder } from '../onnx/graph-builder.ts';
import type { Value } from '../onnx/graph.ts';
import type { Device, Feeds } from '../runtime/session.ts';
import type { Shape } from '../tensor/shape.ts';
import type { EncodedPrompt, EncodedPrompts, EncodedPromptSet } from './encoded-prompt.ts';
import type { Companions } from './companions.ts';
import type { FamilyFiles } from './family-files.ts';
import type { ModelDescription } from './model-description.ts';
import type { ModelFiles } from './model-files.ts';
import type { PredictionReading, PredictionWish } from '../diffusion/prediction-reading.ts';

/** A family of models: how its files are recognised and opened. */
export interface Family {
  readonly id: string;
  readonly files: FamilyFiles;
  /** What a file is by the names of its tensors; null for files of other families and mere parts. */
  recognise(tensors: TensorTable): Match | null;
  /**
   * Derives what a model looks like. The file stays open with it.
   *
   * @param prediction as `openCheckpoint` has it, and `companions`
   * @throws AppError `checkpoint.*`, `model.unsupported`, `vae.invalid`
   */
  open(
    file: ModelFiles,
    prediction?: PredictionWish | PredictionReading,
    companions?: Companions,
  ): Promise<Checkpoint>;
  /**
   * Tells what a file of the family is, from its header and configs.
   *
   * @throws AppError as `open`
   */
  describe(file: ModelFiles, prediction?: PredictionWish): Promise<ModelDescription>;
}

/** A file that belongs to a family. */
export interface Match {
  /** Which of the family's versions it is: `sdxl`. */
  readonly version: string;
}

/** What training, drawing and judging ask of an open model, whatever its family. */
export interface Model {
  /** How it was trained. */
  readonly process: Process;
  readonly denoiser: Denoiser;
  readonly condition: Condition;
  readonly codec: Codec;
  readonly groups: ParameterGroups;
  readonly lora: LoraConventions;
  readonly facts: ModelFacts;
  /** The networks of its own files. */
  readonly parts: readonly ModelPart[];
}

/** A network that a model is built of. */
export interface ModelPart {
  /** `unet`, `text encoder`. */
  readonly name: string;
  /** How it is run: plain data, which is equal for those that are run alike. */
  readonly config: unknown;
  readonly shapes: ReadonlyMap<string, Shape>;
}

/** A model of any family, open for reading. Whoever opened it closes it. */
export interface Checkpoint extends Model {
  readonly file: ModelFiles;
  /** What is put on top of its weights wherever they are computed with, as by a LoRA file. */
  readonly changes?: WeightChanges;
  /** The same model with other changes on top of its weights; both have one file. */
  withChanges(changes: WeightChanges): Checkpoint;
  close(): Promise<void>;
}

/** Low-rank changes by the names of the weights, which stay as they are: scale·up·down is added. */
export type WeightChanges = ReadonlyMap<string, ScaledFactors>;

/** A change of a weight: `scale` times up·down, float32, row-major. */
export interface ScaledFactors {
  readonly rank: number;
  /** [rank, inputs]; of a convolution all cells of a kernel are inputs. */
  readonly down: Float32Array;
  /** [outputs, rank] */
  readonly up: Float32Array;
  readonly scale: number;
}

/** Cells of latents. */
export interface LatentSize {
  readonly latentHeight: number;
  readonly latentWidth: number;
}

/** The sizes that a compiled denoiser is fixed to. */
export interface DenoiserShape extends LatentSize {
  /** Rows of one call. */
  readonly batch: number;
  /** Tokens of a context: a multiple of 77 for CLIP's. */
  readonly contextTokens: number;
}

/** All that a denoiser is compiled for, the usual one first. */
export type DenoiserShapes = readonly [DenoiserShape, ...DenoiserShape[]];

/** Rows that a denoiser is asked about. */
export interface DenoiserRows {
  /** x_t: float32 [N, C, h, w] */
  readonly noisyLatents: Float32Array;
  /** t of each row, counted from 0. */
  readonly timesteps: readonly number[];
  readonly prompts: readonly EncodedPrompt[];
  /** Of its latents. Default: the first size that it is compiled for. */
  readonly size?: LatentSize;
  /** How each row's picture was made; null for one that was drawn at this size. Default: all were. */
  readonly framings?: readonly (Framing | null)[];
}

/** What predicts. */
export interface Denoiser {
  /** Channels of its first feature map, which its memory grows with. */
  readonly width: number;
  /** What the names of its tensors begin with. */
  readonly prefix: string;
  /** [N, C, h, w] of the noisy latents and of the prediction. */
  latentShape(shape: DenoiserShape): Shape;
  /** Loaded when it is asked for: who only looks at a model starts without what builds graphs. */
  load(): Promise<DenoiserGraph>;
}

/** What predicts, as graph. */
export interface DenoiserGraph {
  /** Name of the input that takes what prompts say: float32 [N, T, D]. */
  readonly contextInput: string;
  /**
   * Declares the inputs of a graph.
   *
   * @param shapes of which one is asked at a time; they differ in their latents alone
   * @returns emits the prediction for one of them into the graph or a branch of it: float32, of the
   *   latents' shape
   */
  declare(
    g: GraphBuilder,
    shapes: DenoiserShapes,
  ): (branch: GraphBuilder, weights: WeightSource, shape: number) => Value;
  /** Values of these inputs, for the shape of the rows' size. */
  feeds(rows: DenoiserRows, shapes: DenoiserShapes): Feeds;
}

/** Where something is computed. */
export interface RunPlace {
  readonly device: Device;
  readonly threads: number;
}

/** Where and how prompts are encoded. */
export interface EncodingSettings extends RunPlace {
  /**
   * The last layer that counts, from the end, as web UIs count it: 1 is the last. Where a model has a
   * layer of its own that lies before it, that one counts. Default: the model's own.
   */
  readonly clipSkip?: number;
}

/** Where a prompt's own tokens end in its context, which may have chunks behind it. */
export interface PromptEnd {
  /** The last token's row; that of the start token where the prompt is empty. */
  readonly last: number;
  /** Rows from there to the end of its chunk. */
  readonly rest: number;
}

/** Where free tokens stand: what a prompt says before and behind them. */
export interface SoftPlace {
  readonly before: string;
  readonly behind: string;
}

/** Words that a person can type, each one token of a model. */
export interface SoftWords {
  readonly texts: readonly string[];
  /** The embedding of each: float32 [C] */
  readonly rows: readonly Float32Array[];
}

/** Tokens that stand in prompts and whose embeddings, float32 [n, C], need be no word's. Release them. */
export interface SoftTokens {
  /** Numbers of an embedding: C. */
  readonly width: number;
  /** Root mean square of such numbers in the embeddings of the model's own words: float32 [C]. */
  readonly scales: Float32Array;
  /** A prompt with as many tokens in their place as there are embeddings; of a long one the first chunk. */
  encode(place: SoftPlace, embeddings: Float32Array): Promise<EncodedPrompt>;
  /**
   * Brings a gradient back from the prompt's context, float32 [T, D], to the embeddings: float32 [n, C].
   */
  gradient(
    place: SoftPlace,
    embeddings: Float32Array,
    ofContext: Float32Array,
  ): Promise<Float32Array>;
  /** The model's own words. */
  words(): Promise<SoftWords>;
  release(): Promise<void>;
}

/** See `Asks`. */
export const askKinds = ['words', 'classes', 'nothing'] as const satisfies readonly Asks['kind'][];

/** How a model is asked for pictures: in words, by classes (`classPrompt` where prompts stand), or not at all. */
export type Asks =
  | { readonly kind: 'words' }
  /** From 0 on; null where any number is a class. */
  | { readonly kind: 'classes'; readonly count: number | null }
  | { readonly kind: 'nothing' };

/** What a model makes of prompts. */
export interface Condition {
  /** How the model is asked. */
  readonly asks: Asks;
  /** Tokens of the shortest context: 77 for CLIP's. */
  readonly tokens: number;
  /** Channels of a context. */
  readonly width: number;
  /** Numbers in its weights. */
  readonly weightCount: number;
  /** Products of weights that encoding one token takes. */
  readonly tokenMultiplyAdds: number;
  /** Clip skips that it has layers for; those below the least are as that one. */
  readonly clipSkips: { readonly least: number; readonly most: number };
  /** Where a `vocabulary.yaml` of the model's own would be; null where there is no such place. */
  readonly vocabularyFolder: string | null;
  /**
   * What a picture's caption asks for, as prompts of a job ask it: of models without words that is a class,
   * or nothing whatever it says.
   *
   * @throws AppError `prompt.invalid`
   */
  readCaption(caption: string): string;
  encode(prompts: Iterable<string>, settings: EncodingSettings): Promise<EncodedPromptSet>;
  /**
   * Tokens whose embeddings are free, to be attacked with.
   *
   * @throws AppError `model.unsupported` for a model that is not asked in words
   */
  openSoftTokens(settings: EncodingSettings): Promise<SoftTokens>;
  /** Each prompt as a whole, to be compared: float32 [C] of length 1. */
  pool(prompts: Iterable<string>, place: RunPlace): Promise<Map<string, Float32Array>>;
  /**
   * What guidance leads away from: the negative prompt; without one the empty prompt, or zeros if the
   * model says so (`force_zeros_for_empty_prompt`).
   *
   * @throws RangeError for a prompt that was not encoded
   */
  unconditional(prompts: EncodedPrompts, negativePrompt?: string): EncodedPrompt;
  /** A function that finds where prompts end in the context of the first text encoder; others cut them alike. */
  promptEnds(): Promise<(prompt: string) => PromptEnd>;
  /** A prompt without meaning, for measurements. */
  blank(tokens: number): EncodedPrompt;
}

/** What a coder is opened for. */
export interface CoderSettings extends RunPlace {
  /** Of the pictures, in pixels. */
  readonly width: number;
  readonly height: number;
}

export interface PictureEncoder {
  /**
   * Latents of a picture, scaled as the denoiser takes them: float32 [C, h, w].
   * @param drawNoise standard normal numbers, as many as asked for
   */
  encode(image: PixelImage, drawNoise: (count: number) => Float32Array): Promise<Float32Array>;
  release(): Promise<void>;
}

export interface PictureDecoder {
  /** The picture of latents [C, h, w] as the denoiser gives them. */
  decode(latents: Float32Array): Promise<PixelImage>;
  release(): Promise<void>;
}

/** Where the weights of a codec lie. */
export interface CodecSource {
  readonly file: TensorStore;
  readonly part: ModelPart;
}

/** Between pictures and what is denoised. */
export interface Codec {
  /** Pixels along one side of a latent cell. */
  readonly scale: number;
  /** Whose weights it runs: the model's own, or those it was opened with; null where it runs none. */
  readonly source: CodecSource | null;
  /** Whether what makes pictures is not there. */
  readonly isMissing: boolean;
  /**
   * Refuses weights that are damaged or made for another kind of model, by what they make of pictures.
   * A model's own are not looked at.
   *
   * @throws AppError `vae.invalid`, `checkpoint.nan`
   */
  requireFitting(place: RunPlace): Promise<void>;
  openEncoder(settings: CoderSettings): Promise<PictureEncoder>;
  openDecoder(settings: CoderSettings): Promise<PictureDecoder>;
}

/** Sets of parameters that training may change. */
export type ParameterGroup = 'full' | 'xattn' | 'xattn-strict' | 'selfattn' | 'noxattn' | 'notime';

export interface ParameterGroups {
  /** Names of the tensors in the set, in the order of the file. */
  namesOf(group: ParameterGroup): string[];
}

/** How LoRA files for a model are written, so that web UIs know what they change. */
export interface LoraConventions {
  /** Metadata that tells which models a file fits. */
  readonly metadata: Readonly<Record<string, string>>;
  /** What files call layers, by their keys in the checkpoint without the last part. */
  layerNames(layers: Iterable<string>): Map<string, string>;
  /** The weights that files may change, by what any of them calls the layer, without `lora_` and dots. */
  targets(): ReadonlyMap<string, LoraTarget>;
}

/** A weight that a LoRA file changes. */
export interface LoraTarget {
  readonly tensor: string;
  /** Where several layers are one matrix, the rows of this one; null for all. */
  readonly rows: { readonly from: number; readonly count: number } | null;
  readonly part: 'denoiser' | 'text encoder';
}

/** A sampler that a model's files name. */
export interface NamedSampler {
  readonly name: SamplerName;
  /** By what: `its scheduler: EulerDiscreteScheduler`. */
  readonly source: string;
}

/** What is told of a model, and decides its settings. */
export interface ModelFacts {
  /** Family and version: `SD 1.x`. */
  readonly title: string;
  /** Width and height of the pictures that it was made for, in pixels. */
  readonly nativeSize: number;
  /** Of which width and height must be multiples, in pixels. */
  readonly sizeStep: number;
  /** Names of the tensors that it is run with; a file may hold more. */
  readonly tensors: readonly string[];
  readonly prediction: PredictionReading;
  /** How its files say that it is drawn with; null where they name no sampler that is known here. */
  readonly sampler: NamedSampler | null;
  /** Why a concept cannot be erased from it and what to do; null if it can. */
  readonly refusal: string | null;
}
