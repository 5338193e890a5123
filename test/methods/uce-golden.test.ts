import { expect, it, onTestFinished } from 'vitest';

import { solveEdit } from '../../src/methods/uce/closed-form.ts';
import { Products } from '../../src/methods/uce/products.ts';
import { createGenerator } from '../../src/tensor/random.ts';
import { readGoldenTensors } from '../helpers/golden-tensors.ts';
import { maxDifference } from '../helpers/max-difference.ts';

// As make-uce.py draws and computes it.
const width = 136;
const tokens = 9;

it("edits matrices as the authors' sums and inverse do", async () => {
  const generator = createGenerator(20261129);
  const weights = {
    to_k: generator.randn(40 * width),
    to_v: generator.randn(24 * width),
  };
  const states = () => generator.randn(tokens * width);
  const forgotten = [0, 1, 2].map(() => ({ from: states(), to: states(), scale: 1 }));
  const kept = [0, 1, 2, 3].map(() => {
    const from = states();
    return { from, to: from, scale: 0.5 };
  });
  const products = new Products(1);
  onTestFinished(() => products.release());
  const edit = await solveEdit([...forgotten, ...kept], { width, regularization: 0.25 }, products);
  const expected = readGoldenTensors('uce.safetensors');
  for (const [name, w] of Object.entries(weights)) {
    const edited = await products.applyEdit(w.slice(), [w.length / width, width], edit);
    const reference = Float32Array.from(expected(name));
    // The largest entry is about 4: no more than single precision's rounding.
    expect(maxDifference(edited, reference), name).toBeLessThan(2e-6);
    expect(maxDifference(w, reference), name).toBeGreaterThan(0.5);
  }
});
