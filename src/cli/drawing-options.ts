import { type Command, Option } from 'commander';
import * as z from 'zod';

import { samplerChoice } from '../diffusion/samplers/registry.ts';
import { type Drawing, drawingFields } from '../drawing/drawing.ts';
import { foldDrawing } from '../drawing/spellings.ts';
import { formsOf, type SettingForm } from '../methods/setting-form.ts';
import { realNumber, samplerName, wholeNumber } from './parse-option.ts';
import { describeChoices, optionKey, simpleOption } from './setting-option.ts';

const forms = formsOf(z.object(drawingFields));

/** The option of a part of a drawing, which is guessed where it is not given. */
export function drawingOption(form: SettingForm): Option {
  const { title, description, value } = form;
  if (form.name === 'drawSampler') {
    const help = `${title}. ${description} By name: ${samplerChoice}.`;
    return new Option(`--${form.option} <name>`, help).argParser(samplerName);
  }
  const choices = value.kind === 'choice' ? describeChoices(value.choices) : '';
  return simpleOption(form, value, `${title}. ${description}${choices}`);
}

/** Options for a drawing beside its own: of a square, and names of earlier versions. */
export function drawingAliases(steps: 'steps' | 'generation-steps'): Option[] {
  return [
    new Option('--size <pixels>', 'Width and height in one, of square pictures.').argParser(
      wholeNumber(1),
    ),
    new Option('--cfg <x>').argParser(realNumber(1)).hideHelp(),
    new Option(`--${steps} <n>`).argParser(wholeNumber(1)).hideHelp(),
  ];
}

/**
 * Adds the options of a drawing to a command that draws; `readDrawing` reads them.
 *
 * @param aliases names that they have besides
 */
export function addDrawingOptions(command: Command, aliases = drawingAliases('steps')): void {
  for (const option of [...forms.map(drawingOption), ...aliases]) command.addOption(option);
}

/** As much of a drawing as was given. */
export function readDrawing(options: object): Partial<Drawing> {
  const given = options as Readonly<Record<string, unknown>>;
  const own = Object.fromEntries(forms.map((form) => [form.name, given[optionKey(form)]]));
  return foldDrawing({ ...readAliases(given), ...own });
}

/** What was given by another name, by the names that settings have. */
export function readAliases(options: Readonly<Record<string, unknown>>) {
  const { size, cfg, steps, generationSteps } = options as {
    readonly size?: number;
    readonly cfg?: number;
    readonly steps?: number;
    readonly generationSteps?: number;
  };
  return { size, guidanceScale: cfg, generationSteps: generationSteps ?? steps };
}
