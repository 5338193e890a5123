import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

import { Command } from 'commander';
import { describe, expect, it } from 'vitest';

import { errorReply } from '../routes/error-handler.ts';
import { addSettingsOptions } from '../src/cli/settings-options.ts';
import { manifest } from '../src/contract/manifest.ts';
import { AppError } from '../src/errors.ts';
import {
  messageForFields,
  type Remedy,
  remedySettings,
  wordForFields,
  wordForOptions,
} from '../src/remedy.ts';

const filesOf = (folder: string) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.tsx?$/.test(name))
    .map((name) => path.join(folder, name));
const textOf = (files: readonly string[]) => files.map((file) => readFileSync(file, 'utf8')).join();

describe.each(remedySettings)('the remedy %s', (setting) => {
  const remedy: Remedy = { advice: 'Do it', settings: [{ setting }] };

  it('names an option that there is', () => {
    const [, option = ''] = /^Do it with (--[a-z-]+)\.$/.exec(wordForOptions(remedy)) ?? [];
    const command = new Command();
    addSettingsOptions(command);
    const known = command.options.map(({ long }) => long);
    expect(known.includes(option) || textOf(filesOf('src/cli')).includes(`'${option} <`)).toBe(
      true,
    );
  });

  it('names a field that the page has', () => {
    const words = wordForFields(remedy);
    const fields = [...words.matchAll(/“([^”]+)”/g)].map(([, field = '']) => field);
    const titles = manifest.methods.flatMap(({ settings }) => settings.map(({ title }) => title));
    const ui = textOf(filesOf('ui'));
    for (const field of fields) expect(titles.includes(field) || ui.includes(field)).toBe(true);
    // The page has no options; only who starts the server has.
    if (setting !== 'data') expect(words).not.toContain('--');
  });
});

it('is worded by each front end, whatever was said after it, and survives processes', () => {
  const remedy: Remedy = {
    advice: 'or start one that needs less',
    settings: [{ setting: 'size' }, { setting: 'train', value: 'xattn' }],
  };
  const thrown = new AppError('device.out-of-memory', 'the memory ran out,', { remedy });
  expect(thrown.message).toBe(
    'the memory ran out, or start one that needs less with --size or --train xattn.',
  );
  const kept = new AppError(thrown.code, `${thrown.message} Resume it.`, { remedy: thrown.remedy });
  expect(kept.message).toBe(
    'the memory ran out, or start one that needs less with --size or --train xattn. Resume it.',
  );
  const { error } = errorReply(thrown, 'id').body;
  expect(error.message).toBe(
    'the memory ran out, or start one that needs less under “Width” and “Height” or under “What is trained”: xattn.',
  );
  expect(error.remedy).toEqual(remedy);
  expect(messageForFields('no remedy', undefined)).toBe('no remedy');
});

/** Where a message is only ever read by whoever types commands or starts the server. */
const ofCommands =
  /^src\/(cli|demo|install|hosts)\/|^src\/jobs\/(redis\/(connect|start-worker)|store\/open-store)\.ts$|^src\/(serve|access-token|config|remedy|main)\.ts$/;
/** Arguments of Node and style sheets. */
const noMessages = /fork-typescript\.ts$|report-style\.ts$|estimate-run|training-worker/;

it('no message that both front ends show names an option by itself', () => {
  const naming = filesOf('src')
    .filter((file) => !ofCommands.test(file) && !noMessages.test(file))
    .flatMap((file) => {
      const code = readFileSync(file, 'utf8').replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '');
      const lines = code.split('\n').filter((line) => /(?<![\w-])--[a-z][a-z-]+/.test(line));
      // Remarks that are kept with a model name both front ends; who starts the server has options.
      const isRight = (line: string) => /on the page|Start the sidecar with/.test(line);
      return lines.filter((line) => !isRight(line)).map((line) => `${file}: ${line}`);
    });
  expect(naming).toEqual([]);
});
