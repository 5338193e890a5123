import { checkpointWeights } from '../../families/checkpoint-weights.ts';
import { AppError } from '../../errors.ts';
import type { Value } from '../../onnx/graph.ts';
import type { ParameterSpec } from '../../optim/update-graph.ts';
import { int8BaseOf } from './int8-base.ts';
import { readElements } from '../../runtime/read-back.ts';
import { TensorSet } from '../../runtime/tensor-set.ts';
import { floatData, floatTensor } from '../../runtime/tensor.ts';
import { createGenerator, seedFor } from '../../tensor/random.ts';
import { elementCount } from '../../tensor/shape.ts';
import type { Adapter } from '../adapter.ts';
import { factorsOf, matrixOf } from './factors.ts';
import { loraFile } from './lora-file.ts';
import { WeightMerger } from './merge.ts';
import type { LowRankSettings } from './settings.ts';

/** The graph's input; no tensor of a checkpoint has a name without a dot. */
const STRENGTH = 'strength';

/**
 * Low-rank adaptation (LoRA; Hu et al. 2021, arXiv 2106.09685): beside each frozen matrix W [out, in]
 * of a linear layer, and if asked of a convolution, two thin ones are trained,
 * y = x·Wᵀ + s·(α/r)·(x·downᵀ)·upᵀ. `down` [r, in] starts at random and `up` [out, r] at zero, so that
 * nothing has changed yet. The strength s is an input of the graph: one session is the original (s = 0),
 * the trained model (s = 1) and all between and beyond.
 */
export const lowRank: Adapter<LowRankSettings> = {
  fit(checkpoint, names, { adapter: settings, seed, folder }) {
    const { rank } = settings;
    const scale = (settings.alpha ?? rank) / rank;
    const { tensors } = checkpoint.file;
    const factors = factorsOf(tensors, names, settings);
    if (factors.length === 0) {
      throw new AppError(
        'settings.invalid',
        'what is to be trained holds no linear layer, which a low-rank change needs. Train other layers (xattn, say) or the full weights.',
      );
    }
    const base = int8BaseOf(checkpoint, settings, folder);
    return {
      base,
      parameters: factors.flatMap(({ down, up }) => [down, up]),
      strength: STRENGTH,
      bind(g) {
        const inputs = new Map<string, Value>();
        const strength = g.input(STRENGTH, 'float32', [1]);
        const input = ({ name, shape }: ParameterSpec) => {
          const value = g.input(name, 'float32', shape);
          inputs.set(name, value);
          return value;
        };
        const changes = new Map(
          factors.map(({ weight, down, up }) => [
            weight,
            { down: input(down), up: input(up), scale, strength },
          ]),
        );
        const frozen = base ? base.weights(g) : checkpointWeights(g, checkpoint);
        return {
          weights: { ...frozen, change: (name) => changes.get(name) ?? null },
          parameter(name) {
            const value = inputs.get(name);
            if (!value) throw new RangeError(`there is no parameter "${name}"`);
            return value;
          },
        };
      },
      initial(into = new TensorSet()) {
        for (const { weight, down, up } of factors) {
          put(into, down, drawDown(weight, down, seed));
          put(into, up, new Float32Array(elementCount(up.shape)));
        }
        return Promise.resolve(into);
      },
      merged(parameters) {
        const merger = new WeightMerger(
          factors.map(({ rank: own, down, up }) => {
            const [[outputs = 0], [, inputs = 0]] = [matrixOf(up), matrixOf(down)];
            return { outputs, inputs, rank: own };
          }),
        );
        return new Map(
          factors.map((change) => [
            change.weight,
            async () => {
              const original = await checkpoint.file.readFloat32(change.weight);
              return merger.merge(original, {
                ...{ rank: change.rank, scale },
                down: await readElements(parameters.get(change.down.name)),
                up: await readElements(parameters.get(change.up.name)),
              });
            },
          ]),
        );
      },
      alone: (parameters) => loraFile(checkpoint, factors, { parameters, scale, settings }),
    };
  },
};

/** As PyTorch starts a linear layer (and kohya's trainers `down`): U(−1/√in, 1/√in). */
function drawDown(weight: string, down: ParameterSpec, seed: number): Float32Array {
  const [, inputs = 0] = matrixOf(down);
  const bound = 1 / Math.sqrt(inputs);
  const generator = createGenerator(seedFor(seed, 'low-rank', weight));
  const { shape } = down;
  return generator.uniform(elementCount(shape)).map((value) => bound * (2 * value - 1));
}

function put(set: TensorSet, { name, shape }: ParameterSpec, values: Float32Array): void {
  const present = set.find(name);
  if (present?.location === 'cpu') floatData(present).set(values);
  else set.put(name, floatTensor(values, shape));
}
