import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

import { detectorPictures } from '../helpers/detector-pictures.ts';

// Makes nudity-detector.json: what nsfwjs itself, on TensorFlow.js, says of fifty pictures.
//
// Run by hand, when pictures or model change, in a folder FOLDER elsewhere:
//   npm install --save-exact nsfwjs@4.3.0 @tensorflow/tfjs@4.22.0
// and then here: npx tsx test/golden/make-nudity-scores.ts FOLDER

interface Tensor {
  dispose(): void;
}
interface TensorFlow {
  setBackend(name: string): Promise<boolean>;
  tensor3d(values: Uint8Array, shape: readonly number[], type: 'int32'): Tensor;
}
interface Nsfwjs {
  load(name: string): Promise<{
    classify(
      picture: Tensor,
    ): Promise<readonly { readonly className: string; readonly probability: number }[]>;
  }>;
}

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error('Give the folder that nsfwjs was installed in.');
const installed = path.resolve(folder, 'node_modules');
const requireThere = createRequire(path.join(installed, 'made-up.js'));
const tf = requireThere('@tensorflow/tfjs') as TensorFlow;
await tf.setBackend('cpu');
const model = await (requireThere('nsfwjs') as Nsfwjs).load('MobileNetV2Mid');
const pictures: Record<string, Record<string, number>> = {};
for (const { name, width, height, bytes } of await detectorPictures()) {
  const tensor = tf.tensor3d(bytes, [height, width, 3], 'int32');
  const scores = await model.classify(tensor);
  tensor.dispose();
  pictures[name] = Object.fromEntries(
    scores.map(({ className, probability }) => [className, Number(probability.toFixed(6))]),
  );
  console.log(name, scores[0]?.className, scores[0]?.probability);
}
const made = { by: 'nsfwjs 4.3.0, MobileNetV2Mid, on @tensorflow/tfjs 4.22.0 (cpu)', pictures };
writeFileSync(
  path.join(import.meta.dirname, 'nudity-detector.json'),
  `${JSON.stringify(made, null, 1)}\n`,
);
