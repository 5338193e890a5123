import type { Dtype } from '../../tensor/dtype.ts';
import type { Shape } from '../../tensor/shape.ts';
import { elementCount } from '../../tensor/shape.ts';
import {
  isCall,
  isGlobal,
  isReference,
  PickleRefusal,
  type PickledCall,
  type PickledValue,
} from './unpickle.ts';

/** What PyTorch's storages hold. */
const storages: Readonly<Record<string, Dtype>> = {
  'torch.DoubleStorage': 'F64',
  'torch.FloatStorage': 'F32',
  'torch.HalfStorage': 'F16',
  'torch.BFloat16Storage': 'BF16',
  'torch.LongStorage': 'I64',
  'torch.IntStorage': 'I32',
  'torch.ShortStorage': 'I16',
  'torch.CharStorage': 'I8',
  'torch.ByteStorage': 'U8',
  'torch.BoolStorage': 'BOOL',
};

const TENSOR = 'torch._utils._rebuild_tensor_v2';
const PARAMETER = 'torch._utils._rebuild_parameter';
const DICTIONARY = 'collections.OrderedDict';
/** Of embeddings from times when they were parameters of a module. */
const PARAMETERS = 'torch.nn.modules.container.ParameterDict';

/**
 * What files of tensors name besides: left by trainers beside the weights. They stay names, as all of them.
 * (AUTOMATIC1111/stable-diffusion-webui, modules/safe.py)
 */
const beside = [
  'torch.Size',
  'torch.device',
  'torch.dtype',
  '__builtin__.set',
  'builtins.set',
  '_codecs.encode',
  'numpy.dtype',
  'numpy.ndarray',
  'numpy.core.multiarray.scalar',
  'numpy._core.multiarray.scalar',
  'numpy.core.multiarray._reconstruct',
  'numpy._core.multiarray._reconstruct',
  'pytorch_lightning.callbacks.model_checkpoint.ModelCheckpoint',
];

/** The names that a file of tensors may hold. */
export const allowedGlobals: ReadonlySet<string> = new Set([
  ...Object.keys(storages),
  ...[TENSOR, PARAMETER, DICTIONARY, PARAMETERS],
  ...beside,
]);

/** A tensor that a pickle tells of. */
export interface FoundTensor {
  /** Its keys, joined by dots. */
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: Shape;
  /** The name of its storage in the archive. */
  readonly storage: string;
  readonly elementOffset: number;
}

/** Dictionaries in dictionaries; files have three at most. */
const MAX_DEPTH = 6;
/** Values of dictionaries, each as often as it stands there: ten times what any model has. */
const MAX_VALUES = 100_000;

/**
 * The tensors of a pickle, in its order. Where all is below `state_dict`, as in files of trainers, that is left
 * out of their names.
 *
 * @throws PickleRefusal for one that is none, or whose numbers do not lie one after the other
 */
export function findTensors(root: PickledValue): FoundTensor[] {
  const found: FoundTensor[] = [];
  let values = 0;
  const visit = (value: PickledValue, keys: readonly string[]): void => {
    values += 1;
    if (keys.length > MAX_DEPTH || values > MAX_VALUES) {
      throw new PickleRefusal('it holds more than tensors');
    }
    const tensor = tensorIn(value, keys.join('.'));
    if (tensor) found.push(tensor);
    else for (const [key, inner] of itemsOf(value)) visit(inner, [...keys, keyText(key)]);
  };
  const state = itemsOf(root).find(([key]) => key === 'state_dict')?.[1];
  visit(state ?? root, []);
  return found;
}

/** Of trainers' dictionaries some have numbers for keys. */
function keyText(key: PickledValue): string {
  if (typeof key === 'string' || typeof key === 'number') return String(key);
  throw new PickleRefusal('it holds a dictionary whose keys are no names');
}

/** What a dictionary holds, in whatever form; nothing for other values. */
function itemsOf(value: PickledValue): [PickledValue, PickledValue][] {
  if (value instanceof Map) return [...value];
  if (!isCall(value)) return [];
  if (value.callee === PARAMETERS) {
    return itemsOf(value.state).flatMap(([key, inner]) =>
      key === '_parameters' ? itemsOf(inner) : [],
    );
  }
  return value.callee === DICTIONARY ? [...value.items] : [];
}

function tensorIn(value: PickledValue, name: string): FoundTensor | null {
  if (!isCall(value)) return null;
  if (value.callee === PARAMETER) return tensorIn(value.args[0] ?? null, name);
  return value.callee === TENSOR ? tensorOf(value, name) : null;
}

/** Of (storage, offset, size, stride, …), and a storage of ("storage", type, key, place, elements). */
function tensorOf({ args }: PickledCall, name: string): FoundTensor {
  const [reference = null, offset = null, size = null, stride = null] = args;
  const stored = storageOf(reference);
  const [shape, strides] = [numbers(size), numbers(stride)];
  if (!stored || !isCount(offset) || !shape || !strides) {
    throw new PickleRefusal(`its tensor "${name}" is of a kind that is not known`);
  }
  const isContiguous = shape.every(
    (length, axis) => length === 1 || strides[axis] === elementCount(shape.slice(axis + 1)),
  );
  if (!isContiguous)
    throw new PickleRefusal(`the numbers of its tensor "${name}" are not in order`);
  return { name, ...stored, shape, elementOffset: offset };
}

function storageOf(reference: PickledValue): Pick<FoundTensor, 'dtype' | 'storage'> | null {
  const id = isReference(reference) && Array.isArray(reference.id) ? reference.id : [];
  const [, type = null, key = null] = id as readonly PickledValue[];
  const dtype = isGlobal(type) ? storages[type.name] : undefined;
  return dtype && typeof key === 'string' ? { dtype, storage: key } : null;
}

function isCount(value: PickledValue): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function numbers(value: PickledValue): number[] | null {
  if (!Array.isArray(value)) return null;
  const all = value as readonly PickledValue[];
  return all.every(isCount) ? [...all] : null;
}
