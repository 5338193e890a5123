import { create, toBinary, type MessageInitShape } from '@bufbuild/protobuf';
import { elementTypes } from './element-type.ts';
import {
  Graph,
  opsetVersion,
  type Attribute,
  type InitializerData,
  type Node,
  type Value,
} from './graph.ts';
import {
  ModelProtoSchema,
  type AttributeProtoSchema,
  type GraphProtoSchema,
  type NodeProtoSchema,
  type TensorProtoSchema,
  type ValueInfoProtoSchema,
} from './proto/onnx_pb.ts';
import { listedForRuntime } from './run-order.ts';

/** ONNX IR version that introduced opset 21. */
const irVersion = 10n;
const externalLocation = 1;
const attributeTypes = { float: 1, int: 2, string: 3, graph: 5, ints: 7 } as const;
const floatAttributes = new Set(['alpha', 'beta', 'epsilon', 'cubic_coeff_a']);

/** The graph as the bytes of an ONNX model; external data stays where it lies. */
export function serializeModel(graph: Graph): Uint8Array {
  return toBinary(
    ModelProtoSchema,
    create(ModelProtoSchema, {
      irVersion,
      producerName: 'erase-concept',
      graph: graphProto(graph),
      opsetImport: [{ domain: '', version: BigInt(opsetVersion) }],
    }),
  );
}

function graphProto(graph: Graph): MessageInitShape<typeof GraphProtoSchema> {
  return {
    name: graph.name,
    node: listedForRuntime(graph).map(nodeProto),
    initializer: [...graph.initializers].map(([value, data]) => initializerProto(value, data)),
    input: graph.inputs.map((value) => valueInfoProto(value, graph)),
    output: graph.outputs.map((value) => valueInfoProto(value, graph)),
  };
}

function nodeProto(node: Node): MessageInitShape<typeof NodeProtoSchema> {
  return {
    name: node.name,
    opType: node.opType,
    input: node.inputs.map((value) => value?.name ?? ''),
    output: node.outputs.map((value) => value.name),
    attribute: Object.entries(node.attributes).map(([name, value]) => attributeProto(name, value)),
  };
}

function attributeProto(
  name: string,
  value: Attribute,
): MessageInitShape<typeof AttributeProtoSchema> {
  if (typeof value === 'string') {
    return { name, type: attributeTypes.string, s: new TextEncoder().encode(value) };
  }
  if (typeof value === 'number') {
    return floatAttributes.has(name)
      ? { name, type: attributeTypes.float, f: value }
      : { name, type: attributeTypes.int, i: BigInt(value) };
  }
  if (value instanceof Graph) {
    return { name, type: attributeTypes.graph, g: graphProto(value) };
  }
  return { name, type: attributeTypes.ints, ints: value.map(BigInt) };
}

function initializerProto(
  value: Value,
  data: InitializerData,
): MessageInitShape<typeof TensorProtoSchema> {
  const tensor = {
    name: value.name,
    dataType: elementTypes[value.type].code,
    dims: value.shape.map(BigInt),
  };
  if (data instanceof Uint8Array) return { ...tensor, rawData: data };
  return {
    ...tensor,
    dataLocation: externalLocation,
    externalData: [
      { key: 'location', value: data.location },
      { key: 'offset', value: String(data.offsetBytes) },
      { key: 'length', value: String(data.lengthBytes) },
    ],
  };
}

function valueInfoProto(
  value: Value,
  { openInputs, openOutputs }: Graph,
): MessageInitShape<typeof ValueInfoProtoSchema> {
  return {
    name: value.name,
    type: {
      value: {
        case: 'tensorType',
        value: {
          elemType: elementTypes[value.type].code,
          shape: {
            dim: value.shape.map((dim, axis) =>
              openOutputs.has(value) || (openInputs.has(value) && axis === 0)
                ? {}
                : { value: { case: 'dimValue' as const, value: BigInt(dim) } },
            ),
          },
        },
      },
    },
  };
}
