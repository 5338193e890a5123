import { mkdirSync, copyFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';

import { elementTypes } from '../../src/onnx/element-type.ts';
import {
  type AttributeProtoSchema,
  ModelProtoSchema,
  type NodeProtoSchema,
  type TensorProtoSchema,
} from '../../src/onnx/proto/onnx_pb.ts';

// Makes presets/nudity-detector of the model MobileNetV2Mid that the npm package nsfwjs carries: its graph
// of TensorFlow.js node by node as ONNX, its weights in 8 bits as they are, and its licence.
//
// Run by hand, when the model changes, in a folder FOLDER elsewhere:
//   npm install --save-exact nsfwjs@4.3.0 @tensorflow/tfjs@4.22.0
// and then here: npx tsx test/golden/make-nudity-detector.ts FOLDER

type Tensor = MessageInitShape<typeof TensorProtoSchema>;
type Node = MessageInitShape<typeof NodeProtoSchema>;
type Attribute = MessageInitShape<typeof AttributeProtoSchema>;

/** A node of a graph of TensorFlow, as `model.json` has it. */
interface TensorFlowNode {
  readonly name: string;
  readonly op: string;
  readonly input?: readonly string[];
  readonly attr: {
    readonly strides?: { readonly list: { readonly i: readonly string[] } };
    readonly padding?: { readonly s: string };
    readonly ksize?: { readonly list: { readonly i: readonly string[] } };
    readonly fused_ops?: { readonly list: { readonly s: readonly string[] } };
  };
}

interface StoredWeight {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: string;
  readonly quantization?: { readonly min: number; readonly scale: number; readonly dtype: string };
}

interface StoredModel {
  readonly modelTopology: { readonly node: readonly TensorFlowNode[] };
  readonly weightsManifest: readonly {
    readonly paths: readonly string[];
    readonly weights: readonly StoredWeight[];
  }[];
}

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error('Give the folder that nsfwjs was installed in.');
const nsfwjs = path.resolve(folder, 'node_modules/nsfwjs');
const place = path.resolve('presets/nudity-detector');

const text = (base64: string) => Buffer.from(base64, 'base64').toString('latin1');

/** What the package keeps as modules: the graph as an object, the weights in base64. */
function readStored(): { model: StoredModel; bytes: Buffer } {
  const require = createRequire(import.meta.url);
  const load = (name: string) =>
    require(path.join(nsfwjs, 'dist/models/mobilenet_v2_mid', `${name}.min.js`)) as unknown;
  const model = load('model') as StoredModel;
  const shards = model.weightsManifest.flatMap(({ paths }) => paths.map((name) => load(name)));
  return { model, bytes: Buffer.concat(shards.map((s) => Buffer.from(s as string, 'base64'))) };
}

/** Collects an ONNX graph. */
class OnnxGraph {
  readonly nodes: Node[] = [];
  readonly initializers: Tensor[] = [];

  node(opType: string, input: string[], output: string, attribute: Attribute[] = []): string {
    this.nodes.push({ name: output, opType, input, output: [output], attribute });
    return output;
  }

  tensor(name: string, dims: readonly number[], data: Uint8Array | Float32Array): string {
    const type = data instanceof Float32Array ? 'float32' : 'uint8';
    const rawData = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    const { code } = elementTypes[type];
    this.initializers.push({ name, dims: dims.map(BigInt), dataType: code, rawData });
    return name;
  }

  number(name: string, value: number): string {
    return this.tensor(name, [], Float32Array.of(value));
  }
}

const ints = (name: string, values: readonly number[]): Attribute => ({
  ...{ name, type: 7, ints: values.map(BigInt) },
});
const int = (name: string, value: number): Attribute => ({ name, type: 2, i: BigInt(value) });
const string = (name: string, value: string): Attribute => ({
  ...{ name, type: 3, s: new TextEncoder().encode(value) },
});

/** Rows of `[kh, kw, in, out]`, or of one channel each `[kh, kw, in, 1]`, as ONNX orders them. */
function ofConvolution(
  bytes: Uint8Array,
  [kh = 0, kw = 0, inputs = 0, outputs = 0]: readonly number[],
  isDepthwise: boolean,
): { data: Uint8Array; dims: number[] } {
  const data = new Uint8Array(bytes.length);
  const cells = kh * kw;
  for (let cell = 0; cell < cells; cell++) {
    for (let input = 0; input < inputs; input++) {
      for (let output = 0; output < outputs; output++) {
        const [row, column] = isDepthwise ? [input, output] : [output, input];
        const width = isDepthwise ? outputs : inputs;
        data[(row * width + column) * cells + cell] =
          bytes[(cell * inputs + input) * outputs + output] ?? 0;
      }
    }
  }
  return { data, dims: isDepthwise ? [inputs, outputs, kh, kw] : [outputs, inputs, kh, kw] };
}

/** Turns the graph of TensorFlow.js, which has rows before columns before channels, into ONNX. */
class Conversion {
  readonly graph = new OnnxGraph();
  private readonly weights = new Map<string, { weight: StoredWeight; bytes: Uint8Array }>();
  private readonly names = new Map<string, string>();
  private readonly values = new Map<string, string>();
  private readonly converters = new Map<string, (node: TensorFlowNode, name: string) => string>([
    ['Mul', this.as('Mul')],
    ['Sub', this.as('Sub')],
    ['AddV2', this.as('Add')],
    ['_FusedConv2D', (node, name) => this.convolution(node, name)],
    ['FusedDepthwiseConv2dNative', (node, name) => this.convolution(node, name)],
    ['AvgPool', (node, name) => this.pool(node, name)],
    ['Squeeze', this.as('Flatten', [int('axis', 1)])],
    ['_FusedMatMul', this.as('Gemm')],
    ['Softmax', this.as('Softmax', [int('axis', -1)])],
    ['Identity', (node) => this.as('Identity')(node, 'scores')],
  ]);

  constructor({ model, bytes }: ReturnType<typeof readStored>) {
    let at = 0;
    for (const weight of model.weightsManifest.flatMap(({ weights }) => weights)) {
      const size = weight.shape.reduce((all, one) => all * one, 1);
      if (weight.quantization?.dtype !== 'uint8') throw new Error(`${weight.name}: not of 8 bits`);
      this.weights.set(weight.name, { weight, bytes: bytes.subarray(at, (at += size)) });
    }
    if (at !== bytes.length) throw new Error(`${bytes.length - at} bytes are left over`);
    for (const node of model.modelTopology.node) this.convert(node);
  }

  private convert(node: TensorFlowNode): void {
    if (node.op === 'Const') return;
    const name = this.nameOf(node.op);
    if (node.op === 'Placeholder') {
      this.values.set(
        node.name,
        this.graph.node('Transpose', ['picture'], name, [ints('perm', [0, 3, 1, 2])]),
      );
      return;
    }
    this.values.set(node.name, this.emit(node, name));
  }

  private emit(node: TensorFlowNode, name: string): string {
    const convert = this.converters.get(node.op);
    if (!convert) throw new Error(`${node.name}: ${node.op} is not known here`);
    return convert(node, name);
  }

  /** A node of the same inputs. */
  private as(opType: string, attribute: Attribute[] = []) {
    return ({ input = [] }: TensorFlowNode, name: string) =>
      this.graph.node(
        opType,
        input.map((part) => this.value(part)),
        name,
        attribute,
      );
  }

  private pool(node: TensorFlowNode, name: string): string {
    const side = node.attr.ksize?.list.i.slice(1, 3).map(Number) ?? [];
    return this.as('AveragePool', [ints('kernel_shape', side)])(node, name);
  }

  private convolution({ op, input, attr }: TensorFlowNode, name: string): string {
    const [picture, kernel, bias] = input as [string, string, string];
    const isDepthwise = op === 'FusedDepthwiseConv2dNative';
    const { weight, bytes } = this.weightOf(kernel);
    const { data, dims } = ofConvolution(bytes, weight.shape, isDepthwise);
    if (text(attr.padding?.s ?? '') !== 'SAME') throw new Error(`${name}: other padding`);
    const strides = attr.strides?.list.i.slice(1, 3).map(Number) ?? [];
    const parts = [this.value(picture), this.stored(kernel, dims, data), this.value(bias)];
    const made = this.graph.node('Conv', parts, name, [
      ...[ints('strides', strides), string('auto_pad', 'SAME_UPPER')],
      int('group', isDepthwise ? (dims[0] ?? 1) : 1),
    ]);
    return this.activated(made, (attr.fused_ops?.list.s ?? []).map(text).join());
  }

  private activated(name: string, fused: string): string {
    if (fused === 'BiasAdd') return name;
    if (fused !== 'BiasAdd,Relu6') throw new Error(`${name}: ${fused} is not known here`);
    const bounds = [this.bound('zero', 0), this.bound('six', 6)];
    return this.graph.node('Clip', [name, ...bounds], `${name}.relu6`);
  }

  private bound(name: string, value: number): string {
    const isMade = this.graph.initializers.some((tensor) => tensor.name === name);
    return isMade ? name : this.graph.number(name, value);
  }

  /** What a node reads: another's result, or a weight in its own order. */
  private value(name: string): string {
    const made = this.values.get(name);
    if (made !== undefined) return made;
    const { weight, bytes } = this.weightOf(name);
    return this.stored(name, weight.shape, bytes);
  }

  private weightOf(name: string) {
    const stored = this.weights.get(name);
    if (!stored) throw new Error(`${name} is not there`);
    return stored;
  }

  /** 8 bits, made float32 as TensorFlow.js does it: `q · scale + min`. */
  private stored(name: string, dims: readonly number[], bytes: Uint8Array): string {
    const { quantization } = this.weightOf(name).weight;
    if (!quantization) throw new Error(`${name} is not stored in 8 bits`);
    const { graph } = this;
    const short = this.nameOf('weight');
    const [scale, min] = [quantization.scale, quantization.min];
    const cast = graph.node('Cast', [graph.tensor(`${short}.q`, dims, bytes)], `${short}.f`, [
      int('to', elementTypes.float32.code),
    ]);
    const scaled = [cast, graph.number(`${short}.scale`, scale)];
    const wide = graph.node('Mul', scaled, `${short}.wide`);
    const value = graph.node('Add', [wide, graph.number(`${short}.min`, min)], short);
    this.values.set(name, value);
    return value;
  }

  /** Short names: those of the file are as long as its weights. */
  private nameOf(kind: string): string {
    const name = `${kind}-${this.names.size}`;
    this.names.set(name, kind);
    return name;
  }
}

const { graph } = new Conversion(readStored());
const side = [1, 224, 224, 3].map((size) => ({
  value: { case: 'dimValue' as const, value: BigInt(size) },
}));
const row = [1, 5].map((size) => ({ value: { case: 'dimValue' as const, value: BigInt(size) } }));
const floats = (dim: typeof side) => ({
  ...{ value: { case: 'tensorType' as const, value: { elemType: 1, shape: { dim } } } },
});
const bytes = toBinary(
  ModelProtoSchema,
  create(ModelProtoSchema, {
    irVersion: 8n,
    producerName: 'erase-concept',
    opsetImport: [{ domain: '', version: 17n }],
    graph: {
      name: 'nsfwjs 4.3.0, MobileNetV2Mid',
      node: graph.nodes,
      initializer: graph.initializers,
      input: [{ name: 'picture', type: floats(side) }],
      output: [{ name: 'scores', type: floats(row) }],
    },
  }),
);
mkdirSync(place, { recursive: true });
writeFileSync(path.join(place, 'nudity-detector.onnx'), bytes);
copyFileSync(path.join(nsfwjs, 'LICENSE'), path.join(place, 'LICENSE'));
