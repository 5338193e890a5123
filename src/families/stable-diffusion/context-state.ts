import path from 'node:path';

import { AppError } from '../../errors.ts';
import type { ClipTextSettings } from './clip-config.ts';
import type { ClipTextConfig } from './layout/clip-text-layout.ts';
import type { TensorSource } from './layout/named-shapes.ts';
import type { Embedder, LdmConfig } from './ldm-config.ts';
import type { ContextState, EncoderPlace, Version } from './version.ts';

/** Where a text encoder stands, and what is known of it. */
interface Use {
  readonly version: Version;
  readonly place: EncoderPlace;
  /** 0, or 1 for SDXL's second. */
  readonly position: number;
  readonly settings: ClipTextSettings;
  /** What the model's LDM config says of it. */
  readonly embedder: Embedder | undefined;
  readonly ldmConfig: LdmConfig | undefined;
  /** Takes what is supposed, in sentences. */
  readonly assumptions: string[];
}

/**
 * The states that a UNet is shown: those of its version, from layers that the file holds. Converters
 * leave out the last layer where the version does not use it (the 24th of SD 2.x, the 12th of SDXL's
 * first encoder). Where a layer is missing that hosts run, they run it with chance values, and only
 * one reading is left that makes sense: of SD 1.x with 11 layers, what hosts show with clip skip 2.
 *
 * @throws AppError `model.unsupported` if it cannot be known, `checkpoint.config` if a config asks for
 *   more or for something else
 */
export function findContextState(
  source: TensorSource,
  config: ClipTextConfig,
  use: Use,
): ContextState {
  const state = statedState(use);
  const { layers, storedLayers, hiddenSize } = config;
  const missing = layers - storedLayers;
  const isEnough = use.place.isPooled ? missing === 0 : missing < state.clipSkip;
  // What is refused is refused for what it is.
  if (!isEnough && use.version.refusal === null) return lacksLayers(source, config, use);
  if (use.settings.layers === undefined && state.clipSkip > 1) {
    use.assumptions.push(
      `Text encoder ${use.position + 1} is whole with its ${layers} layers, so that the UNet is shown the states of layer ${layers - 1} (no encoder of width ${hiddenSize} is known).`,
    );
  }
  return state;
}

/**
 * Which layer's states a UNet is shown where a web UI is set to a clip skip, counted as there. Those of
 * SD 1.x come from that layer, through the final norm. A version that reads an earlier layer by itself (2
 * of SD 2.x and both of SDXL's), or a file that lacks the last one, is not moved by anything up to that:
 * so do Forge (`minimal_clip_skip`) and ComfyUI (its node counts from the same end). Above it both go by
 * the setting, AUTOMATIC1111 does not for SD 2.x and SDXL. diffusers counts one less.
 *
 * @throws AppError `settings.invalid` where there are not as many layers
 */
export function shownLayer(
  { clipSkip, layers }: Pick<ContextState & ClipTextConfig, 'clipSkip' | 'layers'>,
  wished: number,
): number {
  if (wished > layers) {
    throw new AppError(
      'settings.invalid',
      `clip skip ${wished} does not fit this model, whose text encoder has ${layers} layers. Choose 1 to ${layers}; most models of SD 1.x are drawn with 1 or 2.`,
    );
  }
  return Math.max(clipSkip, wished);
}

function lacksLayers(
  source: TensorSource,
  { keyPrefix, layers, storedLayers }: ClipTextConfig,
  { place, settings: { statedIn }, assumptions }: Use,
): ContextState {
  const name = path.basename(source.path);
  if (statedIn !== undefined) {
    throw new AppError(
      'checkpoint.config',
      `"${statedIn}" gives num_hidden_layers ${layers}, but "${name}" has ${storedLayers} layers of that text encoder: hosts would run the others with chance values. Use a complete copy of the model; if it was trained with ${storedLayers} layers, set num_hidden_layers to ${storedLayers}.`,
    );
  }
  if (place.mayLackLast && layers - storedLayers === 1) {
    assumptions.push(
      `The text encoder's last layer is skipped, as hosts do with clip skip 2, because the file lacks it: it has ${storedLayers} of ${layers}. Without that setting hosts run the layer with chance values.`,
    );
    return { clipSkip: 2, isNormalized: true };
  }
  throw new AppError(
    'model.unsupported',
    `checkpoint "${name}": its text encoder "${keyPrefix}…" has ${storedLayers} of ${layers} layers. Hosts would run the others with chance values, so what its UNet was trained on cannot be known. Use a complete copy of the model.`,
  );
}

/** What a version's UNets were trained on, unless its config states otherwise. */
function statedState({ place, position, embedder, ldmConfig }: Use): ContextState {
  const { layer, layer_idx: index } = embedder?.params ?? {};
  if (layer === undefined) return place.state;
  const name = layer === 'hidden' ? `hidden, ${index ?? 'none'}` : layer;
  if (Object.hasOwn(place.states, name)) return place.states[name] ?? place.state;
  const found = [layer, index].filter((part) => part !== null && part !== undefined);
  throw new AppError(
    'checkpoint.config',
    `"${ldmConfig?.path ?? ''}" sets layer (and layer_idx) to ${found.join(', ')} for text encoder ${position + 1}, which some hosts follow and others do not, so what its UNet was trained on cannot be known. Correct it, or remove it for the default of the model's family.`,
  );
}
