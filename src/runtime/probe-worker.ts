import { GraphBuilder } from '../onnx/graph-builder.ts';
import { endWithParent } from '../processes/end-with-parent.ts';
import { elementCount } from '../tensor/shape.ts';
import type { Device } from './device.ts';
import type { ProbeReply } from './probe-device.ts';
import { probeShape } from './probe-shape.ts';
import { GraphSession } from './session.ts';
import { floatTensor } from './tensor.ts';

// The program of the process that tries a device: a driver may abort it.

const RUNS = 5;

/** The median time of the UNet's commonest operator, a 3×3 convolution, in milliseconds. */
async function measure(device: Device): Promise<number> {
  const g = new GraphBuilder('probe');
  const { batch, channels, size } = probeShape;
  const imageShape = [batch, channels, size, size];
  const weightShape = [channels, channels, 3, 3];
  const image = g.input('image', 'float32', imageShape);
  const weight = g.input('weight', 'float32', weightShape);
  g.output('features', g.op('Conv', [image, weight], { pads: [1, 1, 1, 1] }));
  const session = await GraphSession.create(g.graph, { device });
  const feeds = {
    image: floatTensor(new Float32Array(elementCount(imageShape)).fill(0.5), imageShape),
    weight: floatTensor(new Float32Array(elementCount(weightShape)).fill(0.01), weightShape),
  };
  const times: number[] = [];
  // The first run compiles shaders.
  for (let run = 0; run <= RUNS; run++) {
    const start = performance.now();
    await session.run(feeds);
    if (run > 0) times.push(performance.now() - start);
  }
  await session.release();
  return times.sort((a, b) => a - b)[Math.floor(times.length / 2)] ?? NaN;
}

async function answer(device: Device): Promise<void> {
  let reply: ProbeReply;
  try {
    reply = { milliseconds: await measure(device) };
  } catch (error) {
    reply = { error: { message: error instanceof Error ? error.message : String(error) } };
  }
  process.send?.(reply, undefined, undefined, () => {
    process.exit(0);
  });
}

endWithParent();
process.on('message', (device: Device) => void answer(device));
