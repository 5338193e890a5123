import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';

import { replaceFile } from '../../checkpoint/atomic-file.ts';
import { readSamplerName } from '../../diffusion/samplers/sampler-names.ts';
import { type Drawing, readableDrawing } from '../../drawing/drawing.ts';

/**
 * Where a web UI of the family keeps what its last picture was drawn with, which the button “Read generation
 * parameters” reads (`process_images_inner` in modules/processing.py of stable-diffusion-webui 1.10).
 */
const placeIn = (folder: string) => path.join(folder, 'params.txt');

/** What was drawn last, as text; null where nothing was, or it is not kept. */
export async function readLastPicture(folder: string): Promise<string | null> {
  return readFile(placeIn(folder), 'utf8').catch(() => null);
}

/** Puts back what its user had drawn before a picture of ours. Where it cannot be written, ours stays. */
export async function restoreLastPicture(
  folder: string,
  { before, prompt }: { readonly before: string | null; readonly prompt: string },
): Promise<void> {
  const now = await readLastPicture(folder);
  // Its user may have drawn since: what cannot be told to be ours stays.
  if (prompt === '' || now === null || now === before || !now.startsWith(`${prompt}\n`)) return;
  const put = before === null ? rm(placeIn(folder)) : replaceFile(placeIn(folder), before);
  await put.catch(() => undefined);
}

/** A setting in the last line: `Size: 512x768`, its value in quotation marks where it holds a comma. */
const setting = /\s*([\w ][\w /-]*): *("(?:\\.|[^\\"])*"|[^,]*)(?:,|$)/g;

/**
 * How a picture was drawn by its text.
 *
 * @param model name of the file, without folder and ending
 * @returns null where another model drew it, or another picture was drawn over
 */
export function drawingOfPicture(text: string, model: string): Partial<Drawing> | null {
  const lines = text.trimEnd().split('\n');
  const last = lines.at(-1) ?? '';
  const settings = new Map(
    [...last.matchAll(setting)].map(([, name = '', value = '']) => [name, unquoted(value)]),
  );
  const isDrawnOver = settings.has('Denoising strength') && !settings.has('Hires upscale');
  if (settings.get('Model') !== model || isDrawnOver) return null;
  const [, width, height] = /^(\d+)x(\d+)$/.exec(settings.get('Size') ?? '') ?? [];
  const sampler = readSamplerName(settings.get('Sampler') ?? '', settings.get('Schedule type'));
  return readableDrawing({
    drawSteps: Number(settings.get('Steps')),
    drawCfg: Number(settings.get('CFG scale')),
    drawSampler: sampler,
    negative: negativeIn(lines.slice(0, -1)),
    ...{ width: Number(width), height: Number(height) },
  });
}

function negativeIn(lines: readonly string[]): string {
  const mark = 'Negative prompt: ';
  const at = lines.findIndex((line) => line.startsWith(mark));
  return at < 0 ? '' : lines.slice(at).join('\n').slice(mark.length).trim();
}

function unquoted(value: string): string {
  if (!value.startsWith('"')) return value.trim();
  try {
    return String(JSON.parse(value));
  } catch {
    return value;
  }
}
