import * as z from 'zod';

import { type DrawingSpellings, drawingSpellings } from '../drawing/spellings.ts';
import { conceptAblation } from './conceptablation/method.ts';
import { eraseDiff } from './erasediff/method.ts';
import { esd } from './esd/method.ts';
import { fineTune } from './finetune/method.ts';
export type { WatchedFigure } from './method.ts';
import type { DefaultsFacts, LooseSettings, Method } from './method.ts';
import { negGrad } from './neggrad/method.ts';
import { reTrack } from './retrack/method.ts';
import { salUn } from './salun/method.ts';
import { type StepSettings, type TrainSet, watchingSettings } from './settings-fields.ts';
import { siss } from './siss/method.ts';
import { uce } from './uce/method.ts';
import { vdu } from './vdu/method.ts';

/** Every method; the first is taken where none is asked for. */
const registered = [
  ...[eraseDiff, siss, esd, uce],
  ...[conceptAblation, salUn, negGrad, fineTune, reTrack, vdu],
] as const;

type SettingsOf<M> = M extends { readonly settings: z.ZodType<infer S> } ? S : never;
/** How one erasure trains: a union by method, each with its own settings and no other's. */
export type EraseSettings = SettingsOf<(typeof registered)[number]>;
export type MethodId = EraseSettings['method'];
/** Any method, for settings that are its own. */
export type AnyMethod = Method<EraseSettings>;

// A method takes its own settings alone, which types cannot say of a list; `methodOf` keeps to it.
const methods = registered as readonly unknown[] as readonly [AnyMethod, ...AnyMethod[]];
const byId = new Map<string, AnyMethod>(methods.map((method) => [method.id, method]));

export const methodIds = methods.map(({ id }) => id) as [MethodId, ...MethodId[]];
export const defaultMethod: MethodId = methods[0].id;

/** @throws RangeError for what is no method's id */
export function findMethod(id: MethodId): AnyMethod {
  const method = byId.get(id);
  if (!method) throw new RangeError(`there is no method "${id}"`);
  return method;
}

/** The method that settings belong to. */
export function methodOf({ method }: Pick<EraseSettings, 'method'>): AnyMethod {
  return findMethod(method);
}

/** What a forgotten prompt is steered to, for people; null where nothing is. */
export function steeredTo(settings: EraseSettings, anchor: string): string | null {
  const method = methodOf(settings);
  if (!method.steersToAnchors(settings)) return null;
  return method.steersToKept?.(settings) === true
    ? 'a kept prompt, drawn anew for each picture'
    : anchor;
}

/** Settings of a method that trains in steps. */
export type TrainingSettings = Extract<EraseSettings, StepSettings>;

/** The same settings where their method trains in steps; null where it does not. */
export function trainingOf(settings: EraseSettings): TrainingSettings | null {
  return 'steps' in settings ? settings : null;
}

/** @throws RangeError for settings of a method that takes no steps */
export function requireTraining(settings: EraseSettings): TrainingSettings {
  const training = trainingOf(settings);
  if (!training) throw new RangeError(`the method ${settings.method} takes no steps`);
  return training;
}

/** The steps of a run; what changes weights without training counts as one. */
export function stepsOf(settings: EraseSettings): number {
  return trainingOf(settings)?.steps ?? 1;
}

/** Which parameters a run changes. */
export function trainSetOf(settings: EraseSettings): TrainSet {
  const method = methodOf(settings);
  if (method.uses === 'weights') return method.train;
  return requireTraining(settings).train;
}

/** Complete settings of any method. */
export const settingsSchema = z.discriminatedUnion(
  'method',
  methods.map(({ settings }) => settings) as unknown as [z.ZodObject, ...z.ZodObject[]],
) as unknown as z.ZodType<EraseSettings>;

type NameOf<T> = T extends unknown ? keyof T : never;
type ValueOf<T, K extends PropertyKey> = T extends Readonly<Record<K, infer V>> ? V : never;
/** Settings as a person asks for them: some of some method's, which need not be known yet. */
export type WantedSettings = {
  [K in NameOf<EraseSettings>]?: ValueOf<EraseSettings, K> | undefined;
} & DrawingSpellings;

/** A schema for each of `WantedSettings`, and for the names that methods understand besides. */
export const wantedFields = {
  ...optional(drawingSpellings),
  ...Object.assign({}, ...methods.map(({ flat }) => optional(flat?.fields ?? {}))),
  ...Object.assign({}, ...methods.map(({ settings }) => optional(settings.shape))),
  method: z.enum(methodIds).optional(),
} as {
  readonly [K in NameOf<EraseSettings>]: z.ZodOptional<z.ZodType<ValueOf<EraseSettings, K>>>;
} & { readonly [K in keyof DrawingSpellings]-?: z.ZodOptional<z.ZodType<number>> };

function optional(shape: Readonly<Record<string, z.core.$ZodType>>) {
  return Object.fromEntries(
    // What is left out stays left out: a default is of the complete settings.
    Object.entries(shape).map(([name, schema]) => [
      name,
      z.optional(schema instanceof z.ZodDefault ? schema.unwrap() : schema),
    ]),
  );
}

/** Whether a method understands a setting of this name. */
export function hasSetting(id: MethodId, name: string): boolean {
  const { settings, flat } = findMethod(id);
  return [settings.shape, flat?.fields ?? {}, drawingSpellings].some((names) =>
    Object.hasOwn(names, name),
  );
}

/** Settings without those that mean nothing to the method. */
export function ownSettings(id: MethodId, settings: LooseSettings): LooseSettings {
  return Object.fromEntries(Object.entries(settings).filter(([name]) => hasSetting(id, name)));
}

/** Whether settings say a shape, by whatever name. */
export function isShapeWanted({ width, height, size }: WantedSettings): boolean {
  return width !== undefined || height !== undefined || size !== undefined;
}

/** How an erasure trains where neither the preset nor the person says otherwise. */
export function defaultSettings({
  method = defaultMethod,
  ...facts
}: DefaultsFacts & { readonly method?: MethodId | undefined }): EraseSettings {
  return findMethod(method).defaults(facts);
}

/** Models of SD 1.x, to be shown where none is known yet. */
export const usualModel = { size: 512, modelChannels: 320 } as const;

/** Those that decide what the result is, but for the method itself. */
export function trainingSettings(settings: EraseSettings): LooseSettings {
  const without = new Set<string>(['method', ...watchingSettings]);
  return Object.fromEntries(Object.entries(settings).filter(([name]) => !without.has(name)));
}
