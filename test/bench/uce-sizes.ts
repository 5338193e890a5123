import { availableParallelism } from 'node:os';

import { solveEdit } from '../../src/methods/uce/closed-form.ts';
import { Products } from '../../src/methods/uce/products.ts';
import { createGenerator } from '../../src/tensor/random.ts';

// npx tsx test/bench/uce-sizes.ts
// How long UCE takes to solve for the edit and to apply it to all keys and values, at the sizes of SD 1.5
// and SDXL, with random weights and states: 8 prompts to forget and 13 to keep, 70 states each.

const sizes = [
  { name: 'SD 1.5', width: 768, matrices: { 320: 10, 640: 10, 1280: 12 } },
  { name: 'SDXL', width: 2048, matrices: { 640: 20, 1280: 120 } },
];
const threads = availableParallelism();
const table: Record<string, Record<string, string>> = {};
for (const { name, width, matrices } of sizes) {
  const generator = createGenerator(1);
  const states = () => generator.randn(70 * width);
  const pairs = [
    ...Array.from({ length: 8 }, () => ({ from: states(), to: states(), scale: 1 })),
    ...Array.from({ length: 13 }, () => {
      const from = states();
      return { from, to: from, scale: 1 };
    }),
  ];
  const products = new Products(threads);
  const cpu = process.cpuUsage();
  const started = performance.now();
  const edit = await solveEdit(pairs, { width, regularization: 0.5 }, products);
  const solved = performance.now();
  for (const [rows, count] of Object.entries(matrices)) {
    const weights = generator.randn(Number(rows) * width);
    for (let i = 0; i < count; i++) {
      await products.applyEdit(weights.slice(), [Number(rows), width], edit);
    }
  }
  const { user, system } = process.cpuUsage(cpu);
  table[name] = {
    'solve, s': ((solved - started) / 1000).toFixed(1),
    'apply, s': ((performance.now() - solved) / 1000).toFixed(1),
    'CPU time, s': ((user + system) / 1e6).toFixed(1),
    'memory, GB': (process.memoryUsage().rss / 1e9).toFixed(2),
  };
  await products.release();
}
console.table(table);
