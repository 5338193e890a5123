import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import sharp from 'sharp';

import { openSafetensors } from '../../src/checkpoint/safetensors-reader.ts';
import type { TensorStore } from '../../src/checkpoint/tensor-store.ts';
import { openTorchFile } from '../../src/checkpoint/torch-file/open-torch-file.ts';
import { parseConcepts } from '../../src/erase/read-concepts.ts';
import { inspectCheckpoint } from '../../src/families/inspect.ts';
import { readCaptions } from '../../src/images/captions.ts';
import { decodeImage } from '../../src/images/decode-image.ts';
import { decodePreset } from '../../src/presets/load-presets.ts';
import { parsePreset } from '../../src/presets/preset.ts';
import { fileBytes } from '../checkpoint/safetensors-fixtures.ts';
import { outcomeOf, type Subject } from './subject.ts';

const golden = path.resolve('test/golden/embeddings');

/** A file of tensors, opened and every tensor of it read. */
async function readTensors(
  file: string,
  open: (file: string) => Promise<TensorStore>,
): Promise<void> {
  const store = await open(file);
  try {
    for (const name of store.tensors.keys()) await store.readTensor(name);
  } finally {
    await store.close();
  }
}

const safetensors: Subject = {
  name: 'safetensors',
  share: 25,
  open: (folder) => {
    const tensor = (shape: number[], from: number, dtype = 'F32') => ({
      ...{ dtype, shape, data_offsets: [from, from + 4 * shape.reduce((a, b) => a * b, 1)] },
    });
    const header = {
      __metadata__: {
        format: 'pt',
        'modelspec.title': 'a title',
        ss_tag_frequency: '{"a":{"b":1}}',
      },
      'model.diffusion_model.input_blocks.0.0.weight': tensor([2, 2, 1, 1], 0),
      'first_stage_model.decoder.conv_in.weight': tensor([2], 16),
      'cond_stage_model.transformer.text_model.final_layer_norm.bias': tensor([3], 24),
    };
    const file = path.join(folder, 'model.safetensors');
    return {
      seeds: [
        fileBytes(header, new Uint8Array(36)),
        fileBytes({ w: tensor([], 0) }, new Uint8Array(4)),
      ],
      read: async (input) => {
        writeFileSync(file, input);
        const outcome = await outcomeOf(() => readTensors(file, openSafetensors));
        return outcome === 'taken' ? outcomeOf(() => inspectCheckpoint(file)) : outcome;
      },
    };
  },
};

const torch: Subject = {
  name: 'torch files',
  share: 8,
  open: (folder) => {
    const names = readdirSync(golden).filter((name) => /\.(pt|bin)$/.test(name));
    const file = path.join(folder, 'embedding.pt');
    return {
      seeds: names.map((name) => readFileSync(path.join(golden, name))),
      read: (input) => {
        writeFileSync(file, input);
        return outcomeOf(() => readTensors(file, openTorchFile));
      },
    };
  },
};

const yaml: Subject = {
  name: 'YAML',
  share: 23,
  open: () => {
    const presets = readdirSync('presets').filter((name) => name.endsWith('.yaml'));
    const concepts =
      '- name: one\n  forget: [a heart]\n  retain: [a star]\n- name: two\n  forget: [a moon]\n';
    return {
      seeds: [
        ...presets.map((name) => readFileSync(path.join('presets', name))),
        Buffer.from(concepts),
      ],
      read: async (input) => {
        const outcome = await outcomeOf(() => parsePreset(decodePreset(input, 'x'), 'x.yaml'));
        await outcomeOf(() => parseConcepts(input.toString(), 'x.yaml'));
        return outcome;
      },
    };
  },
};

const pictures: Subject = {
  name: 'pictures',
  share: 15,
  open: async (folder) => {
    const picture = sharp({
      create: {
        width: 24,
        height: 16,
        channels: 4,
        background: { r: 9, g: 99, b: 199, alpha: 0.5 },
      },
    }).withExif({ IFD0: { Orientation: '6', Copyright: 'nobody' } });
    const file = path.join(folder, 'picture');
    return {
      seeds: await Promise.all([
        picture.clone().png().toBuffer(),
        picture.clone().jpeg().toBuffer(),
        picture.clone().webp().toBuffer(),
        picture.clone().webp({ lossless: true }).toBuffer(),
        picture.clone().png({ progressive: true, palette: true }).toBuffer(),
      ]),
      read: (input) => {
        writeFileSync(file, input);
        return outcomeOf(() => decodeImage(file, { width: 16, height: 16 }));
      },
    };
  },
};

const captions: Subject = {
  name: 'captions',
  share: 5,
  open: () => ({
    seeds: [
      Buffer.from('a red heart'),
      Buffer.from('\ufeffein Herz', 'utf16le'),
      Buffer.from('{"1.png": {"caption": "a heart", "tags": ["a", "b"]}}'),
      Buffer.from(
        '{"file_name": "1.png", "text": "a heart"}\n{"file_name": "2.png", "text": "x"}\n',
      ),
    ],
    read: async (input) => {
      for (const name of ['1.txt', 'all.json', 'metadata.jsonl']) {
        const file = { name, bytes: input.length, read: () => Promise.resolve(input) };
        await readCaptions(['1.png', '2.png'], [file]);
      }
      return 'read';
    },
  }),
};

/** What reads files. */
export const fileSubjects: readonly Subject[] = [safetensors, torch, yaml, pictures, captions];
