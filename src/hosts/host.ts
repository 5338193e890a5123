import type { SamplerName } from '../diffusion/samplers/registry.ts';
import type { DrawingGuess } from '../drawing/drawing-guess.ts';
import type { ImageFormat } from '../images/image-format.ts';

/** A checkpoint that a host knows. */
export interface HostModel {
  /** Unique among the host's models, and the same from one start to the next. */
  readonly name: string;
  readonly path: string;
  readonly bytes: number;
  /** When it was last written, in ms since 1970. */
  readonly modifiedMs: number;
}

/** A file that a host offers besides its models: a LoRA, or an embedding. */
export interface HostFile {
  /** As its prompts or nodes name it. */
  readonly name: string;
  /** From the folder that the host runs in where that is not known. */
  readonly path: string;
}

/** A VAE that a host offers. */
export interface HostVae extends HostFile {
  /** Whether its user has chosen to draw with it. */
  readonly isChosen: boolean;
}

/** A picture that a host shall draw; of what is not said, it does as it does for its user. */
export interface PictureRequest {
  /** Name of the model; null for the active one. */
  readonly model: string | null;
  readonly prompt: string;
  readonly negativePrompt: string;
  /** A LoRA on top of the model, and how many times it counts. */
  readonly lora?: { readonly name: string; readonly strength: number };
  readonly seed: number;
  /** Sampling steps. */
  readonly steps: number;
  readonly guidanceScale: number;
  readonly sampler: SamplerName;
  /** Last layer of the text encoder that counts, from its end. */
  readonly clipSkip?: number;
  /** In pixels. */
  readonly width: number;
  readonly height: number;
}

/** A picture that a host drew. */
export interface HostPicture {
  /** Name of the model that drew it. */
  readonly model: string;
  /** By its bytes: hosts have it as their user wants it. */
  readonly format: ImageFormat;
  readonly bytes: Buffer;
}

/**
 * The web UI that the models belong to; nothing about erasing. All of it throws `host.*` errors
 * where the host cannot be reached or answers with an error of its own.
 */
export interface Host {
  readonly kind: string;
  /** Which web UI it is, in words for people: hosts of one kind have relatives. */
  name(): Promise<string>;
  isReachable(): Promise<boolean>;
  /** The models; those that came or went in the last second may be missed. */
  listModels(): Promise<readonly HostModel[]>;
  /** Makes the host scan its model folders again, after a model was written or removed. */
  refresh(): Promise<void>;
  /** The folder that a scrubbed model of this one goes to. */
  resultFolder(model: HostModel): string;
  /** The folder that LoRA files go to; null where it has none, or does not tell. */
  loraFolder(): Promise<string | null>;
  /** The LoRAs that it offers, once it has looked again. */
  listLoras(): Promise<readonly HostFile[]>;
  /** The embeddings (textual inversion) that it offers; none where it does not tell of their folder. */
  listEmbeddings(): Promise<readonly HostFile[]>;
  /** The VAEs that it offers; none where it does not tell. */
  listVaes(): Promise<readonly HostVae[]>;
  /** How its user draws with a model, as far as it tells. */
  guessDrawing(model: HostModel): Promise<DrawingGuess>;
  /** Name of the model that pictures are drawn with; null where none was chosen yet. */
  activeModel(): Promise<string | null>;
  /**
   * Has pictures drawn with another model from now on. A host may take a model that it cannot load:
   * it is certain once `draw` has drawn with it.
   *
   * @throws AppError `model.not-found`
   */
  activate(name: string): Promise<void>;
  /** Whether it draws pictures at all. */
  readonly canDraw: boolean;
  /**
   * Draws a picture and keeps it nowhere. The active model stays what it is, though the host may have
   * to load it again: see `restoreActive`.
   *
   * @param signal aborted where nobody waits for it any more; a host that draws it already goes on
   * @returns null where it draws none, or is to draw with the active model and none was chosen yet
   * @throws the signal's reason; AppError `model.not-found`, and `host.failed` for a picture that
   *   another model drew than was asked for, or that somebody interrupted
   */
  draw(request: PictureRequest, signal?: AbortSignal): Promise<HostPicture | null>;
  /**
   * Has the active model loaded again after pictures that others drew: once after many, as loading
   * takes long.
   */
  restoreActive(): Promise<void>;
  /** Whether it draws pictures. */
  isBusy(): Promise<boolean>;
  /** Takes its model out of the graphics memory; not while it draws. */
  freeMemory(): Promise<void>;
  /** Takes its model back into the graphics memory, where that does not happen by itself. */
  reclaimMemory(): Promise<void>;
}
