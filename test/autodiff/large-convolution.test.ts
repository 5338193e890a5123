import { Tensor } from 'onnxruntime-node';
import { expect, it } from 'vitest';

import { gradients } from '../../src/autodiff/backward.ts';
import { GraphBuilder } from '../../src/onnx/graph-builder.ts';
import { graphCost } from '../../src/onnx/graph-cost.ts';
import { GraphSession } from '../../src/runtime/session.ts';
import { createGenerator } from '../../src/tensor/random.ts';
import { floatData } from '../../src/runtime/tensor.ts';

it('takes the gradient of a large convolution’s weight in parts, with few patches in memory', async () => {
  const [height, width] = [2, 4_500_000];
  const g = new GraphBuilder('large');
  const x = g.input('x', 'float32', [1, 1, height, width]);
  const weight = g.input('weight', 'float32', [1, 1, 3, 3]);
  const ct = g.input('ct', 'float32', x.shape);
  const image = g.op('Conv', [x, weight], { pads: [1, 1, 1, 1] });
  const [gradient] = gradients(g, g.reduceSum(g.mul(image, ct), [0, 1, 2, 3], false), [weight]);
  g.output('gradient', gradient!);

  const bytes = 4 * height * width;
  expect(bytes).toBeGreaterThan(2 ** 25);
  // Five images are needed at one time; all patches, and these side by side, would be 18.
  expect(graphCost(g.graph).peakBytes).toBeLessThan(6 * bytes);

  const generator = createGenerator(3);
  const [pixels, cotangents] = [
    generator.uniform(height * width),
    generator.uniform(height * width),
  ];
  const session = await GraphSession.create(g.graph, { device: 'cpu', threads: 1 });
  const feeds = {
    x: new Tensor('float32', Float32Array.from(pixels), x.shape),
    weight: new Tensor('float32', new Float32Array(9), weight.shape),
    ct: new Tensor('float32', Float32Array.from(cotangents), x.shape),
  };
  const found = floatData((await session.run(feeds)).gradient!);
  await session.release();
  for (let position = 0; position < 9; position++) {
    const [down, right] = [Math.floor(position / 3) - 1, (position % 3) - 1];
    let sum = 0;
    for (let row = Math.max(0, -down); row < Math.min(height, height - down); row++) {
      for (let column = Math.max(0, -right); column < Math.min(width, width - right); column++) {
        const at = row * width + column;
        sum += cotangents[at]! * pixels[at + down * width + right]!;
      }
    }
    expect(Math.abs(found[position]! - sum) / sum).toBeLessThan(1e-3);
  }
});
