import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

import { openCheckpoint } from '../../src/families/checkpoint.ts';
import { requireComparable } from '../../src/families/compare-checkpoints.ts';
import type { NamedShape } from '../../src/families/stable-diffusion/layout/named-shapes.ts';
import {
  type UnetConfig,
  unetShapes,
} from '../../src/families/stable-diffusion/layout/unet-layout.ts';
import { vaeShapes } from '../../src/families/stable-diffusion/layout/vae-layout.ts';
import type { Dtype } from '../../src/tensor/dtype.ts';
import { layOut, makeFolder, writeValues } from './safetensors-fixtures.ts';
import { textShapes, unet, vae } from './small-checkpoints.ts';

interface Model {
  readonly shapes?: Iterable<NamedShape>;
  readonly dtype?: Dtype;
  /** The tensor whose first element is 1; all other elements are 0. */
  readonly marked?: string;
}

/** SD 1.x with a text encoder that is read in no time. */
function* narrowShapes(changes: Partial<UnetConfig> = {}): Generator<NamedShape> {
  yield* unetShapes({ ...unet, ...changes });
  yield* textShapes('transformers', 'cond_stage_model.transformer.text_model.', 64);
  yield* vaeShapes(vae);
}
const yaml = 'model: {params: {cond_stage_config: {params: {version: clip}}}}';

async function compare(first: Model, second: Model): Promise<void> {
  const folder = await makeFolder();
  for (const name of ['a.yaml', 'b.yaml']) await writeFile(path.join(folder, name), yaml);
  await mkdir(path.join(folder, 'clip'));
  const clip = { hidden_size: 64, num_attention_heads: 4 };
  await writeFile(path.join(folder, 'clip/config.json'), JSON.stringify(clip));
  const open = async (name: string, { shapes = narrowShapes(), dtype = 'F16', marked }: Model) =>
    openCheckpoint(await writeValues(path.join(folder, name), layOut(shapes, dtype), marked));
  const before = await open('a.safetensors', first);
  const after = await open('b.safetensors', second);
  try {
    await requireComparable(before, after);
  } finally {
    await before.file.close();
    await after.file.close();
  }
}

const unetWeight = 'model.diffusion_model.input_blocks.0.0.weight';
const textWeight = 'cond_stage_model.transformer.text_model.final_layer_norm.bias';
const vaeWeight = 'first_stage_model.decoder.conv_out.bias';

describe('requireComparable', () => {
  it('takes models that differ in the UNet or in the text encoder, in other types too', async () => {
    await compare({}, { marked: unetWeight });
    await compare({ marked: textWeight }, {});
    await compare({ marked: unetWeight }, { dtype: 'F32' });
  });

  it('says that two models hold the same weights, in whatever type', async () => {
    const identical = {
      code: 'model.identical',
      message: expect.stringMatching(/"a.*" and "b.*" hold the same weights/) as string,
    };
    await expect(compare({}, {})).rejects.toMatchObject(identical);
    await expect(
      compare({ marked: unetWeight }, { marked: unetWeight, dtype: 'F32' }),
    ).rejects.toMatchObject(identical);
  });

  it('refuses another architecture, naming the first tensor that does not fit', async () => {
    await expect(
      compare({}, { shapes: narrowShapes({ modelChannels: 128 }) }),
    ).rejects.toMatchObject({
      code: 'model.mismatch',
      message: expect.stringMatching(/different architectures: tensor "[^"]+" is \[/) as string,
    });
    await expect(compare({}, { shapes: narrowShapes({ middleDepth: 2 }) })).rejects.toMatchObject({
      code: 'model.mismatch',
      message: expect.stringMatching(/is missing in the first and \[/) as string,
    });
  });

  it('refuses another VAE', async () => {
    await expect(compare({}, { marked: vaeWeight })).rejects.toMatchObject({
      code: 'model.mismatch',
      message: expect.stringMatching(/different VAEs/) as string,
    });
  });
});
