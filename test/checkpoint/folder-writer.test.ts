import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';

import { describe, expect, it } from 'vitest';

import {
  type ScrubbedFolder,
  writeScrubbedFolder,
} from '../../src/families/folder/folder-writer.ts';
import { openDiffusersFolder } from '../../src/families/stable-diffusion/diffusers/diffusers-folder.ts';
import { measureModel, removeModel } from '../../src/families/model-on-disk.ts';
import { openSafetensors } from '../../src/checkpoint/safetensors-reader.ts';
import { encodeFloats } from '../../src/tensor/dtype.ts';
import { sha256Of } from '../helpers/model-files.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';
import { shardUnet, writeTinySdFolder } from '../helpers/tiny-sd-folder.ts';

const trained = 'model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight';
const trainedKey = 'down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k.weight';
const values = Float32Array.from({ length: 64 * 64 }, (_, i) => i / 4096);
const unetFile = path.join('unet', 'diffusion_pytorch_model.safetensors');

function makeSource() {
  const parent = makeTemporaryFolder();
  const folder = writeTinySdFolder(path.join(parent, 'tiny'));
  return { parent, folder, outputPath: path.join(parent, 'tiny-without-red') };
}

/** Writes with one tensor trained unless told otherwise. */
async function write(
  { folder, outputPath }: { folder: string; outputPath: string },
  changes: Partial<ScrubbedFolder> = {},
): Promise<number> {
  const source = await openDiffusersFolder(folder);
  try {
    return await writeScrubbedFolder({
      source,
      outputPath,
      replaced: new Map([[trained, () => Promise.resolve(values)]]),
      metadata: { erase_concept: '{"method":"erasediff"}' },
      ...changes,
    });
  } finally {
    await source.close();
  }
}

/** The hash of each file of a folder. */
function contentsOf(folder: string): Map<string, string> {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();
  const files = names.filter((name) => statSync(path.join(folder, name)).isFile());
  return new Map(files.map((name) => [name, sha256Of(path.join(folder, name))]));
}

function differing(original: string, result: string): string[] {
  const [before, after] = [contentsOf(original), contentsOf(result)];
  expect([...after.keys()]).toEqual([...before.keys()]);
  return [...before].flatMap(([name, hash]) => (after.get(name) === hash ? [] : [name]));
}

describe('a scrubbed model in a folder', () => {
  it('differs in the file with trained tensors, and there in those', async () => {
    const made = makeSource();
    const before = contentsOf(made.folder);
    const bytes = await write(made);
    expect(differing(made.folder, made.outputPath)).toEqual([unetFile]);
    expect(bytes).toBe((await measureModel(made.outputPath))?.bytes);
    expect(contentsOf(made.folder)).toEqual(before);

    const original = await openSafetensors(path.join(made.folder, unetFile));
    const result = await openSafetensors(path.join(made.outputPath, unetFile));
    expect([...result.tensors.keys()]).toEqual([...original.tensors.keys()]);
    expect(Object.fromEntries(result.metadata)).toEqual({
      format: 'pt',
      erase_concept: '{"method":"erasediff"}',
    });
    for (const [name, { dtype, shape }] of original.tensors) {
      expect(result.tensors.get(name)).toMatchObject({ dtype, shape });
      const expected =
        name === trainedKey ? encodeFloats('F16', values) : await original.readTensor(name);
      expect(Buffer.compare(await result.readTensor(name), expected), name).toBe(0);
    }
    await Promise.all([original.close(), result.close()]);
  });

  it('has only those of several files written anew that hold trained tensors', async () => {
    const made = makeSource();
    shardUnet(made.folder);
    rmSync(path.join(made.folder, unetFile));
    await write(made);
    expect(differing(made.folder, made.outputPath)).toEqual([
      path.join('unet', 'diffusion_pytorch_model-00001-of-00002.safetensors'),
    ]);
    const result = await openDiffusersFolder(made.outputPath);
    expect(result.metadata.get('erase_concept')).toBe('{"method":"erasediff"}');
    await result.close();
  });

  it('tells of its last change only, though an earlier one was in another file', async () => {
    const made = makeSource();
    shardUnet(made.folder);
    rmSync(path.join(made.folder, unetFile));
    const selfAttention = trained.replace('attn2', 'attn1');
    await write(made, { replaced: new Map([[selfAttention, () => Promise.resolve(values)]]) });
    const second = path.join(made.parent, 'second');
    await write(
      { folder: made.outputPath, outputPath: second },
      { metadata: { erase_concept: '2' } },
    );
    const result = await openDiffusersFolder(second);
    for (const { name, file } of result.weightFiles) {
      const told = name.startsWith('unet') ? '2' : undefined;
      expect(file.metadata.get('erase_concept'), name).toBe(told);
    }
    await result.close();
  });

  it('has no weights that would still draw the concept, nor hidden files', async () => {
    const made = makeSource();
    const others = [
      'unet/diffusion_pytorch_model.fp16.safetensors',
      'unet/diffusion_pytorch_model.bin',
      'unet/diffusion_pytorch_model.safetensors.index.fp16.json',
      'v1-5-pruned.safetensors',
      'v1-5-pruned.ckpt',
      '.git/config',
      'unet/diffusion_pytorch_model.non_ema.safetensors',
      'unet/diffusion_pytorch_model.non_ema.bin',
      'unet/model.onnx',
      'unet/model.onnx_data',
      'unet/openvino_model.xml',
      'unet/openvino_model.bin',
      'unet/onnx/weights.pb',
      'unet_ema/config.json',
      'unet_ema/diffusion_pytorch_model.safetensors',
      'unet_2/config.json',
      'unet_2/diffusion_pytorch_model.safetensors',
      'onnx/unet/model.onnx',
      'unet.engine',
      'engines/model.plan',
      'trt/unetxl.trt',
      'checkpoints/step-500.ckpt',
      'coreml/Unet.mlmodelc/weights/weight.bin',
    ];
    const kept = [
      'vae/diffusion_pytorch_model.fp16.safetensors',
      'vae_decoder/model.onnx',
      'text_encoder/model.onnx',
      'safety_checker/model.safetensors',
      'loras/pytorch_lora_weights.bin',
      'embeddings/learned_embeds.bin',
      'training/loss.csv',
      'preview.png',
    ];
    for (const name of [...others, ...kept]) {
      mkdirSync(path.dirname(path.join(made.folder, name)), { recursive: true });
      writeFileSync(path.join(made.folder, name), name);
    }
    const indexFile = path.join(made.folder, 'model_index.json');
    const index = JSON.parse(readFileSync(indexFile, 'utf8')) as object;
    const unet2 = ['diffusers', 'UNet2DConditionModel'];
    writeFileSync(indexFile, JSON.stringify({ ...index, unet_2: unet2 }));
    const source = await openDiffusersFolder(made.folder);
    await source.close();
    expect([...source.leftOut].sort()).toEqual(
      others.filter((name) => !name.startsWith('.')).sort(),
    );
    const bytes = await write(made);
    expect(bytes).toBe((await measureModel(made.outputPath))?.bytes);
    for (const name of others) expect(existsSync(path.join(made.outputPath, name))).toBe(false);
    for (const name of others) expect(existsSync(path.join(made.folder, name))).toBe(true);
    expect(
      JSON.parse(readFileSync(path.join(made.outputPath, 'model_index.json'), 'utf8')),
    ).toEqual(index);
    for (const name of kept) {
      expect(readFileSync(path.join(made.outputPath, name), 'utf8')).toBe(name);
    }
  });

  it('can be written to, though the original cannot', async () => {
    const made = makeSource();
    chmodSync(path.join(made.folder, 'model_index.json'), 0o444);
    await write(made);
    expect(statSync(path.join(made.outputPath, 'model_index.json')).mode & 0o200).not.toBe(0);
  });

  it('is deleted with all that it has', async () => {
    const made = makeSource();
    await write(made);
    await removeModel(made.outputPath);
    expect(readdirSync(made.parent)).toEqual(['tiny']);
  });
});

describe('writing a folder that fails', () => {
  it('because training diverged leaves nothing behind', async () => {
    const made = makeSource();
    const replaced = new Map([[trained, () => Promise.resolve(values.map(() => Number.NaN))]]);
    await expect(write(made, { replaced })).rejects.toMatchObject({
      code: 'checkpoint.nan',
      message: expect.stringContaining(trainedKey) as string,
    });
    expect(readdirSync(made.parent)).toEqual(['tiny']);
  });

  it('because it was cancelled leaves nothing behind, and shows no model meanwhile', async () => {
    const made = makeSource();
    const controller = new AbortController();
    const reason = new Error('cancelled');
    let meanwhile: string[] = [];
    const elements = () => {
      meanwhile = readdirSync(made.parent, { recursive: true, encoding: 'utf8' });
      controller.abort(reason);
      return Promise.resolve(values);
    };
    const replaced = new Map([[trained, elements]]);
    await expect(write(made, { replaced, signal: controller.signal })).rejects.toBe(reason);
    const unfinished = meanwhile.filter((name) => !name.startsWith('tiny'));
    expect(unfinished[0]).toBe(`.tiny-without-red.${process.pid}.part`);
    expect(unfinished.filter((name) => name.endsWith('model_index.json'))).toEqual([]);
    expect(readdirSync(made.parent)).toEqual(['tiny']);
  });

  it('for lack of disk space says so before anything is written', async () => {
    const made = makeSource();
    const freeBytes = () => Promise.resolve(1e6);
    await expect(write(made, { freeBytes })).rejects.toMatchObject({
      code: 'output.no-space',
      message: expect.stringMatching(/the scrubbed model needs \d+ MB/) as string,
    });
    expect(readdirSync(made.parent)).toEqual(['tiny']);
  });

  it.each([
    [
      'a file',
      (taken: string) => {
        writeFileSync(taken, 'mine');
      },
    ],
    [
      'a folder',
      (taken: string) => {
        mkdirSync(taken);
        writeFileSync(path.join(taken, 'a'), 'mine');
      },
    ],
  ])('because the name is taken by %s keeps it, also if that was meanwhile', async (_, take) => {
    const made = makeSource();
    const replaced = new Map([
      [
        trained,
        () => {
          take(made.outputPath);
          return Promise.resolve(values);
        },
      ],
    ]);
    await expect(write(made, { replaced })).rejects.toMatchObject({ code: 'output.exists' });
    await expect(write(made)).rejects.toMatchObject({ code: 'output.exists' });
    expect(readdirSync(made.parent).sort()).toEqual(['tiny', 'tiny-without-red']);
  });

  it('because the process was killed is cleaned up by the next attempt', async () => {
    const made = makeSource();
    // No process has this id: Linux, macOS and Windows number them far below.
    const abandoned = path.join(made.parent, '.tiny-without-red.1999999999.part');
    mkdirSync(path.join(abandoned, 'unet'), { recursive: true });
    await write(made);
    expect(readdirSync(made.parent).sort()).toEqual(['tiny', 'tiny-without-red']);
  });
});
