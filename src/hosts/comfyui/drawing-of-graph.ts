import { z } from 'zod';

import { readSamplerName } from '../../diffusion/samplers/sampler-names.ts';
import { type Drawing, readableDrawing } from '../../drawing/drawing.ts';

/** A workflow as it is run: nodes by their ids. An input is a value, or `[id, output]` of another node. */
export const graphSchema = z.record(
  z.string(),
  z.object({ class_type: z.string(), inputs: z.record(z.string(), z.unknown()) }),
);
export type WorkflowGraph = z.infer<typeof graphSchema>;
type Node = WorkflowGraph[string];

/**
 * How a workflow draws: by the sampler that begins from nothing, of those that refine it none.
 *
 * @param checkpoint the name of the model that it must draw with
 * @returns null where it draws with another one, or as nothing here understands
 */
export function drawingOf(graph: WorkflowGraph, checkpoint: string): Partial<Drawing> | null {
  const nodes = Object.values(graph);
  const loads = nodes.some(({ inputs }) => inputs.ckpt_name === checkpoint);
  const behind = (input: unknown) => nodeBehind(graph, input);
  const sampler = nodes.find(
    ({ inputs }) => typeof inputs.sampler_name === 'string' && isEmpty(behind(inputs.latent_image)),
  );
  if (!loads || !sampler) return null;
  const { steps, cfg, sampler_name: solver, scheduler } = sampler.inputs;
  const { width, height } = behind(sampler.inputs.latent_image)?.inputs ?? {};
  const skip = nodes.find((node) => node.class_type === 'CLIPSetLastLayer');
  return readableDrawing({
    drawSteps: steps,
    drawCfg: cfg,
    drawSampler: readSamplerName(text(solver), text(scheduler)),
    clipSkip: skip ? -Number(skip.inputs.stop_at_clip_layer) : 1,
    negative: wordsBehind(graph, sampler.inputs.negative),
    width,
    height,
  });
}

/** Nodes from a sampler to the words of its prompt: ControlNets, combinations, primitives. */
const MOST_NODES = 16;

/**
 * The words that a conditioning is made of, through nodes that only change it.
 *
 * @returns undefined where they are not in the workflow, or a node in between is not understood
 */
function wordsBehind(graph: WorkflowGraph, link: unknown): string | undefined {
  let value = link;
  for (let i = 0; i < MOST_NODES && typeof value !== 'string'; i++) {
    const node = nodeBehind(graph, value);
    if (node === undefined) return undefined;
    if (node.class_type === 'ConditioningZeroOut') return '';
    const {
      text: words,
      text_g: wordsOfSdxl,
      value: given,
      string,
      negative,
      conditioning,
    } = node.inputs;
    value = words ?? wordsOfSdxl ?? given ?? string ?? negative ?? conditioning;
  }
  return typeof value === 'string' ? value.trim() : undefined;
}

/** The node that an input comes from; undefined where it is a value. */
const nodeBehind = (graph: WorkflowGraph, input: unknown) =>
  Array.isArray(input) && typeof input[0] === 'string' ? graph[input[0]] : undefined;

/** The VAE file that a workflow decodes with, beside a checkpoint; null where it takes the checkpoint's own. */
export function vaeOf(graph: WorkflowGraph): string | null {
  const nodes = Object.values(graph);
  // One without a checkpoint is for models of other kinds.
  if (nodes.every(({ inputs }) => inputs.ckpt_name === undefined)) return null;
  const [name] = nodes.flatMap(({ class_type, inputs: { vae } }) => {
    const isDecoder = class_type.startsWith('VAEDecode') && Array.isArray(vae);
    const loader = isDecoder && typeof vae[0] === 'string' ? graph[vae[0]] : undefined;
    return typeof loader?.inputs.vae_name === 'string' ? [loader.inputs.vae_name] : [];
  });
  return name ?? null;
}

const text = (value: unknown) => (typeof value === 'string' ? value : '');

function isEmpty(node: Node | undefined): boolean {
  return node !== undefined && /^Empty.*Latent/.test(node.class_type);
}
