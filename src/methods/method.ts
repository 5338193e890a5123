import type * as z from 'zod';

import type { Checkpoint } from '../families/checkpoint.ts';
import type { TrainableModel } from '../descent/trainable-model.ts';
import type { Role } from '../evaluation/figure.ts';
import type { Asks } from '../families/family.ts';
import type { EncodedPrompts } from '../families/encoded-prompt.ts';
import type { Device } from '../runtime/device.ts';
import type { Adaptation } from '../adapters/adapter.ts';
import type { AdapterSettings } from '../adapters/settings.ts';
import type { TensorSet } from '../runtime/tensor-set.ts';
import type { Shape } from '../tensor/shape.ts';
import type { BatchSource } from '../training/batch-source.ts';
import type { Drawing } from '../drawing/drawing.ts';
import type { CommonSettings, TrainSet } from './settings-fields.ts';

/** What a method's defaults depend on: the model, and the layers that were asked for. */
export interface DefaultsFacts {
  /** Undefined: the method's own choice. */
  readonly train?: TrainSet | undefined;
  /** Undefined: what suits the model's size. */
  readonly adapter?: AdapterSettings | undefined;
  /** Whether a width or height was asked for. */
  readonly isShapeWanted?: boolean;
  /** Width and height of the pictures that the model was made for, in pixels. */
  readonly size: number;
  /** Channels of the UNet's first level: 320 in SD 1.x. */
  readonly modelChannels: number;
  /** How the model is asked. Default: in words. */
  readonly asks?: Asks['kind'] | undefined;
  /** Whether the person says what forgotten prompts are steered to. */
  readonly hasAnchors?: boolean | undefined;
  /** How it is drawn with, as far as that was guessed; the rest is usual. */
  readonly drawing?: Partial<Drawing> | undefined;
}

/** What people read about a method. */
export interface MethodWords {
  /** As its authors call it. */
  readonly name: string;
  /** With its paper, for reports. */
  readonly title: string;
  /** Its name and what it forgets, in a few words. */
  readonly choice: string;
  /** When to choose it, in a sentence. */
  readonly help: string;
  /** What its losses mean, for whoever watches them; null where it has none. */
  readonly watching: string | null;
  /** For a report: the same and what λ means, or how a method without losses finds its weights. */
  readonly losses: string;
}

/** What a method's cost is counted from. */
export interface CostFacts {
  /** The work of one call of each kind at the run's batch, as `RunCost` counts it. */
  readonly gradient: number;
  readonly prediction: number;
  /** What is trained, in float32. */
  readonly trainedBytes: number;
  /** Entries of a token's state as the UNet is shown it: 768 in SD 1.x. */
  readonly contextDim: number;
}

/** What a run of a method takes. */
export interface MethodCost {
  /** The work of one step. */
  readonly step: number;
  /** The work before the first. */
  readonly start: number;
  /** Copies of what is trained in memory, θ among them, at the most crowded moment; 0 without θ. */
  readonly parameterCopies: number;
}

/** A change of settings that needs less memory, in words that begin a sentence. */
export interface Saving<S> {
  readonly change: Partial<S>;
  readonly words: string;
}

/** What every method works with. */
export interface MethodContext<S> {
  readonly settings: S;
  readonly checkpoint: Checkpoint;
  readonly prompts: JobPrompts;
  readonly threads: number;
}

/** What a trainer is opened with. */
export interface TrainerContext<S> extends MethodContext<S> {
  readonly model: TrainableModel;
  /** What θ is, and what it is of the original. */
  readonly adaptation: Adaptation;
  /** θ, which the trainer changes in place. */
  readonly parameters: TensorSet;
  readonly batches: BatchSource;
  /** Where an earlier run ended: θ is what it was then. Null at the first start. */
  readonly saved: SavedTrainer | null;
  readonly device: Device;
}

/** The prompts of a job, as the model is asked with them; the states of all of them, and of the empty one, are in `encoded`. */
export interface JobPrompts {
  /** Each prompt to forget with its anchor. */
  readonly forget: ReadonlyMap<string, string>;
  readonly retain: readonly string[];
  readonly encoded: EncodedPrompts;
}

/** What is kept of a trainer after a number of steps, besides θ. */
export interface SavedTrainer {
  readonly step: number;
  /** By the names of `Method.stateSets`. */
  readonly sets: ReadonlyMap<string, TensorSet>;
}

/** What was measured in one step; null where the method has no such figure. */
export interface StepFigures {
  readonly retainLoss: number | null;
  readonly forgetLoss: number | null;
  readonly gap: number | null;
  readonly lambda: number | null;
  readonly retainGradientNorm: number | null;
  readonly forgetGradientNorm: number | null;
  /** Of the direction that is followed with the gradient of keeping, and with that of forgetting. */
  readonly retainCosine: number | null;
  readonly forgetCosine: number | null;
}

/** A figure of a step that people watch. */
export type WatchedFigure =
  'retainLoss' | 'forgetLoss' | 'lambda' | 'retainCosine' | 'forgetCosine';

/** One run's training by a method. */
export interface Trainer {
  /**
   * Changes θ by one step.
   *
   * @param index counts the run's steps from 0; with the settings' seed it decides what is drawn
   */
  step(index: number): Promise<StepFigures>;
  /** What `SavedTrainer.sets` takes, as it is now. */
  state(): ReadonlyMap<string, TensorSet>;
  /** What the result is made of now, where that may be another set than θ. It outlives the trainer. */
  result?(): TensorSet;
  release(): Promise<void>;
}

/** How weights change, found once for all of them. */
export interface WeightEdit {
  /**
   * @param weights of one tensor of the method's set, row-major; may be overwritten
   * @returns its new values
   */
  apply(weights: Float32Array, shape: Shape): Promise<Float32Array>;
  release(): Promise<void>;
}

/** What the program knows about any method. */
interface MethodBase<S extends CommonSettings & { readonly method: string }> {
  readonly id: S['method'];
  readonly words: MethodWords;
  /**
   * Whether it forgets a concept, which prompts name and anchors replace, or the very pictures that
   * it is given, so that one caption may go with some to forget and some to keep.
   */
  readonly forgets: 'concept' | 'pictures';
  /** Set where it works only with models that are asked so. */
  readonly asks?: Asks['kind'];
  /** Sets of pictures that it works with, given or drawn by the model; of others none are made. */
  readonly pictures: readonly Role[];
  /**
   * Whether the pictures that the model draws to forget are drawn under the anchors, and trained with the
   * forgotten prompts all the same. Default: they show what is forgotten.
   */
  readonly drawsAnchors?: boolean;
  /** Whether forgotten prompts are brought to their anchors. */
  steersToAnchors(settings: S): boolean;
  /** Whether these are kept prompts, drawn anew for each picture; default: they are not. */
  steersToKept?(settings: S): boolean;
  /** Which figures its steps have; none where it takes no steps. */
  readonly figures: readonly WatchedFigure[];
  /** All that decides how it trains, as `job.yaml` keeps it. */
  readonly settings: z.ZodType<S> & { readonly shape: z.ZodRawShape };
  /** Names beside those that requests, presets and jobs of earlier versions use. */
  readonly flat?: FlatSettings;
  defaults(facts: DefaultsFacts): S;
  cost(settings: S, facts: CostFacts): MethodCost;
  /** Changes of its own settings that need less memory. */
  savings?(settings: S): readonly Saving<S>[];
}

/** A method that asks the UNet, in steps, as many as its settings say. */
export interface TrainingMethod<
  S extends CommonSettings & { readonly method: string },
> extends MethodBase<S> {
  readonly uses: 'unet';
  /** Names of the sets, each as large as what is trained, that its state has besides θ. */
  stateSets(settings: S): readonly string[];
  open(context: TrainerContext<S>): Promise<Trainer>;
}

/**
 * A method that finds new weights from the old ones and the prompts' states alone. It takes no steps,
 * has no losses and keeps no state: one tensor after the other is changed as the result is written.
 */
export interface WeightsMethod<
  S extends CommonSettings & { readonly method: string },
> extends MethodBase<S> {
  readonly uses: 'weights';
  /** Which weights. */
  readonly train: TrainSet;
  solve(context: MethodContext<S>): Promise<WeightEdit>;
}

/** A way to make a model forget: everything that the program knows about it. */
export type Method<S extends CommonSettings & { readonly method: string }> =
  TrainingMethod<S> | WeightsMethod<S>;

/** Settings before they are validated, by name. */
export type LooseSettings = Readonly<Record<string, unknown>>;

/** Names that a method understands beside those of its settings. */
export interface FlatSettings {
  readonly fields: z.ZodRawShape;
  /** The settings with these names brought to where they belong. */
  fold(settings: LooseSettings): LooseSettings;
  /** What of them would change nothing and is left out, as a warning; null where nothing is. */
  unread(settings: LooseSettings): string | null;
}
