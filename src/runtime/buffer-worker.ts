import { GraphBuilder } from '../onnx/graph-builder.ts';
import { answerQuestion } from '../processes/ask-process.ts';
import type { BufferQuestion } from './probe-buffer.ts';
import { GraphSession } from './session.ts';
import { floatData, floatTensor } from './tensor.ts';

const VALUE = 0.75;

/** Whether a device fills a buffer of that size and reads its end. */
async function fill({ device, bytes }: BufferQuestion): Promise<boolean> {
  const count = bytes / Float32Array.BYTES_PER_ELEMENT;
  const g = new GraphBuilder('buffer');
  const x = g.input('x', 'float32', [1]);
  const filled = g.op('Expand', [x, g.indices(count)]);
  g.output('last', g.slice(filled, 0, count - 1, count));
  const session = await GraphSession.create(g.graph, { device, isPlain: true });
  const { last } = await session.run({ x: floatTensor(Float32Array.of(VALUE), [1]) });
  return last !== undefined && floatData(last)[0] === VALUE;
}

// The program of a process that tries a buffer: it ends with whatever the device makes of it.
answerQuestion((question) => fill(question as BufferQuestion));
