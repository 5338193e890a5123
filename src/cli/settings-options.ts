import { type Command, Option } from 'commander';

import { manifest } from '../contract/manifest.ts';
import type { SettingForm } from '../methods/setting-form.ts';
import type { FieldGroup } from '../setting-field.ts';
import {
  defaultMethod,
  findMethod,
  type MethodId,
  methodIds,
  usualModel,
  type WantedSettings,
} from '../methods/registry.ts';
import { drawingAliases, drawingOption, readAliases } from './drawing-options.ts';
import { describeChoices, describeDefault, optionKey, simpleOption } from './setting-option.ts';
import { readVariant, variantOptions } from './variant-options.ts';

/** What commander makes of the options below, by their names in camel case. */
export type SettingsOptions = Readonly<Record<string, unknown>>;

/** A setting and the methods that have it. */
interface OwnedForm {
  readonly form: SettingForm;
  readonly methods: readonly MethodId[];
}

const groupTitles: Readonly<Record<FieldGroup | 'rare', string>> = {
  training: 'Training (defaults of EraseDiff for SD 1.x; other methods and models have their own):',
  rare: 'Advanced training:',
  drawing:
    'How it is drawn (guessed by the model; sets, previews and what is judged are drawn so):',
  pictures: 'Pictures that the model draws itself:',
  watching: 'What a run shows of itself:',
};

/** Adds the options of a job's settings, in groups. */
export function addSettingsOptions(command: Command): void {
  const { training } = groupTitles;
  command.addOption(methodOption().helpGroup(training));
  for (const group of ['training', 'rare', 'drawing', 'pictures', 'watching'] as const) {
    for (const owned of ownedForms()) {
      if (groupOf(owned.form) !== group) continue;
      for (const option of optionsOf(owned))
        command.addOption(option.helpGroup(groupTitles[group]));
    }
    if (group !== 'drawing') continue;
    for (const option of drawingAliases('generation-steps'))
      command.addOption(option.helpGroup(groupTitles.drawing));
  }
}

/**
 * The settings that were given; all others are left to the preset and the defaults.
 *
 * @throws AppError `usage.invalid` where options contradict each other
 */
export function readSettings(options: SettingsOptions): WantedSettings {
  // `--steps` is of the training here.
  const { size, guidanceScale, generationSteps } = readAliases({ ...options, steps: undefined });
  const settings: Record<string, unknown> = {
    ...{ method: options.method, size, guidanceScale, generationSteps },
  };
  for (const { form } of ownedForms()) {
    if (form.value.kind === 'variant') {
      Object.assign(settings, readVariant(form, form.value, { options, isFlat }));
    } else settings[form.name] = options[optionKey(form)];
  }
  const given = Object.entries(settings).filter(([, value]) => value !== undefined);
  // By the names and kinds of the methods' settings; the job's schema checks the values.
  return Object.fromEntries(given);
}

/** Every setting once, with the methods that have it. */
function ownedForms(): readonly OwnedForm[] {
  const owned = new Map<string, OwnedForm>();
  for (const { id, settings } of manifest.methods) {
    for (const form of settings) {
      const methods = [...(owned.get(form.name)?.methods ?? []), id];
      owned.set(form.name, { form, methods });
    }
  }
  return [...owned.values()];
}

/** Whether a method understands a part of a setting beside it, too. */
function isFlat(name: string): boolean {
  return methodIds.some((id) => Object.hasOwn(findMethod(id).flat?.fields ?? {}, name));
}

function groupOf({ group, isRare }: SettingForm): FieldGroup | 'rare' {
  return isRare && group === 'training' ? 'rare' : group;
}

function methodOption(): Option {
  const choices = Object.fromEntries(manifest.methods.map(({ id, choice }) => [id, choice]));
  return new Option(
    '--method <name>',
    `How the model is made to forget.${describeChoices(choices)} (default: ${defaultMethod})`,
  ).choices(methodIds);
}

function optionsOf({ form, methods }: OwnedForm): Option[] {
  if (form.group === 'drawing') return [drawingOption(form)];
  const [first = defaultMethod] = methods;
  const defaults: Readonly<Record<string, unknown>> = findMethod(first).defaults(usualModel);
  const owner = methods.length === methodIds.length ? '' : `${methods.join(', ')}: `;
  const { value } = form;
  if (value.kind === 'variant') {
    return variantOptions(form, value, { preset: defaults[form.name], owner });
  }
  const choices = value.kind === 'choice' ? describeChoices(value.choices) : '';
  const text = `${form.title}. ${form.description}${choices} ${describeDefault(defaults[form.name])}`;
  return [simpleOption(form, value, `${owner}${text}`)];
}
