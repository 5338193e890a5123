import { describe, expect, it } from 'vitest';

import { parseLdmConfig } from '../../src/families/stable-diffusion/ldm-config.ts';
import { readPrediction } from '../../src/families/stable-diffusion/prediction/read-prediction.ts';
import type { PredictionReading, PredictionWish } from '../../src/diffusion/prediction-reading.ts';
import {
  schedulerStatements,
  silentScheduler,
} from '../../src/families/stable-diffusion/prediction/scheduler-statements.ts';
import type { VersionId } from '../../src/families/stable-diffusion/version.ts';
import { tensorTable } from '../helpers/model-reference.ts';

/** What a person's model has, by everything that may tell what it predicts. */
interface Files {
  readonly path?: string;
  readonly family?: VersionId;
  /** Contents of the config's `model`. */
  readonly yaml?: object;
  readonly scheduler?: Readonly<Record<string, unknown>>;
  readonly schedulerClass?: string;
  readonly tensors?: readonly string[];
  readonly metadata?: Readonly<Record<string, string>>;
  readonly wish?: PredictionWish;
}

const telling = 'model.diffusion_model.output_blocks.11.1.transformer_blocks.0.norm1.bias';

function read(files: Files, spread = 0): Promise<PredictionReading> {
  const { path = '/models/model.safetensors', family = 'sdxl', yaml, scheduler } = files;
  const markers = Object.fromEntries((files.tensors ?? []).map((name) => [name, [0]]));
  const tensors = tensorTable({ ...markers, ...(spread > 0 && { [telling]: [320] }) });
  const source = {
    ...{ path, tensors, metadata: new Map(Object.entries(files.metadata ?? {})) },
    readFloat32: () =>
      Promise.resolve(Float32Array.from({ length: 320 }, (_, i) => (i % 2 ? spread : -spread))),
  };
  const parsed = parseLdmConfig(
    JSON.stringify({ model: { params: {}, ...yaml } }),
    '/models/model.yaml',
  );
  const ldmConfig = scheduler
    ? {
        ...parsed,
        statements: schedulerStatements(scheduler, files.schedulerClass ?? null),
        silent: 'prediction_type' in scheduler ? [] : [silentScheduler],
      }
    : parsed;
  return readPrediction(source, { family, ldmConfig }, files.wish);
}

const spec = (value: string) => ({ metadata: { 'modelspec.prediction_type': value } });
const params = (settings: object) => ({ yaml: { params: settings } });
const sgm = (settings: object, target = 'DiscreteDenoiser') =>
  params({
    denoiser_config: {
      target: `sgm.modules.diffusionmodules.denoiser.${target}`,
      params: settings,
    },
  });
const scaling = (name: string) => ({ scaling_config: { target: `a.fork.of.sgm.${name}` } });
const discretization = (name: string) => ({
  discretization_config: { target: `sgm.modules.diffusionmodules.discretizer.${name}` },
});
const named = (name: string, family: VersionId = 'sdxl') => ({
  family,
  path: `/models/${name}.safetensors`,
});

const epsilon = { predictionType: 'epsilon', zeroTerminalSnr: false, basis: 'stated' };
const v = { predictionType: 'v_prediction', zeroTerminalSnr: false, basis: 'stated' };
const zeroV = { ...v, zeroTerminalSnr: true };

describe('what a model predicts is stated', () => {
  it.each<[string, Files, object]>([
    ['an LDM config, eps', params({ parameterization: 'eps' }), epsilon],
    ['an LDM config, v', params({ parameterization: 'v' }), v],
    ['an LDM config in the words of diffusers', params({ prediction_type: 'v_prediction' }), v],
    [
      'an LDM config, rescaled',
      params({ parameterization: 'v', rescale_betas_zero_snr: true }),
      zeroV,
    ],
    ['an LDM config, zero_snr', params({ parameterization: 'v', zero_snr: 'True' }), zeroV],
    ['an LDM config, not rescaled', params({ parameterization: 'v', use_ztsnr: false }), v],
    [
      'sgm scaled for noise',
      sgm({ ...scaling('EpsScaling'), ...discretization('LegacyDDPMDiscretization') }),
      epsilon,
    ],
    ['sgm scaled for v', sgm({ ...scaling('VScaling'), num_idx: 1000 }), v],
    ['sgm scaled for v, the class alone', sgm({ scaling_config: 'VScaling' }), v],
    [
      'sgm weighed for v, its scaling left out',
      sgm({ weighting_config: { target: 'x.VWeighting' } }),
      v,
    ],
    [
      'sgm scaled for v, weighed for noise',
      sgm({ ...scaling('VScaling'), weighting_config: { target: 'x.EpsWeighting' } }),
      v,
    ],
    [
      'sgm with a schedule to zero',
      sgm({ ...scaling('VScaling'), ...discretization('ZeroSNRDDPMDiscretization') }),
      zeroV,
    ],
    ['a marker tensor', { tensors: ['v_pred'] }, v],
    ['two marker tensors', { tensors: ['v_pred', 'ztsnr'] }, zeroV],
    ['ModelSpec v', spec('v'), v],
    ['ModelSpec V-Prediction', spec('V-Prediction'), v],
    ['ModelSpec v_pred', spec('v_pred'), v],
    ['ModelSpec vprediction', spec('vprediction'), v],
    ['ModelSpec velocity', spec('velocity'), v],
    ['ModelSpec v with zero SNR', spec('v_prediction_zsnr'), zeroV],
    ['ModelSpec epsilon', spec('epsilon'), epsilon],
    ['ModelSpec eps', spec(' EPS '), epsilon],
    [
      'ModelSpec by SD 2.x name',
      { metadata: { 'modelspec.architecture': 'stable-diffusion-v2-768-v' } },
      v,
    ],
    [
      'ModelSpec by SD 2.x base name',
      { metadata: { 'modelspec.architecture': 'stable-diffusion-v2-512' } },
      epsilon,
    ],
    ['ComfyUI', { metadata: { 'modelspec.predict_key': 'v' } }, v],
    [
      'sd-scripts',
      { metadata: { ss_v_parameterization: 'True', ss_zero_terminal_snr: 'True' } },
      zeroV,
    ],
    [
      'sd-scripts, Python False',
      { metadata: { ss_v_parameterization: 'False', ss_zero_terminal_snr: 'False' } },
      epsilon,
    ],
    ['sd-scripts by base model', { metadata: { ss_base_model_version: 'sd_v2_v' } }, v],
    ['a scheduler', { scheduler: { prediction_type: 'v_prediction' } }, v],
    [
      'a scheduler, rescaled',
      { scheduler: { prediction_type: 'v_prediction', rescale_betas_zero_snr: true } },
      zeroV,
    ],
    [
      'several sources that agree',
      { ...params({ parameterization: 'v' }), tensors: ['v_pred', 'ztsnr'], ...spec('v') },
      zeroV,
    ],
    ['a source whose name says nothing', { ...named('noobai-vpred'), tensors: ['v_pred'] }, v],
  ])('by %s', async (_, files, expected) => {
    const reading = await read(files);
    expect(reading).toMatchObject(expected);
    expect(reading.remarks).toEqual([]);
  });

  it.each<[string, Files, RegExp]>([
    [
      'a word',
      { ...named('x-vpred'), ...spec('epsilon') },
      /its name has "vpred".*What counts is: modelspec\.prediction_type "epsilon"/,
    ],
    [
      'a flow',
      { ...named('X-Flow'), tensors: ['v_pred'] },
      /rectified flow.*What counts is: the tensor "v_pred"/,
    ],
  ])('and its name that says otherwise is remarked: %s', async (_, files, remark) => {
    const { basis, remarks } = await read(files);
    expect(basis).toBe('stated');
    expect(remarks).toEqual([expect.stringMatching(remark)]);
  });
});

describe('what a model predicts is assumed, and this is said', () => {
  it.each<[string, Files, object]>([
    ['as usual', {}, epsilon],
    ['as usual, by words that say nothing', spec('None'), epsilon],
    [
      'as usual, by an architecture alone',
      { metadata: { 'modelspec.architecture': 'stable-diffusion-xl-v1-base' } },
      epsilon,
    ],
    ['SD 2.1 for 768 pixels', named('v2-1_768-ema-pruned', 'sd2'), v],
    ['SD 2.0 for 768 pixels', named('768-v-ema', 'sd2'), v],
    ['SD 2.1 base', named('v2-1_512-nonema-pruned', 'sd2'), epsilon],
    ['768 in the name of another family', named('mix768', 'sd1'), epsilon],
    ['NoobAI', named('noobaiXLNAIXL_vPred10Version'), zeroV],
    ['NoobAI-XL', named('NoobAI-XL-Vpred-v1.0'), zeroV],
    ['NoobAI that predicts noise', named('noobaiXLNAIXL_epsilonPred11Version'), epsilon],
    ['a merge', named('someMix_vpred_v2'), v],
    ['v-prediction', named('Fluffy v-prediction', 'sd1'), v],
    ['a title', { metadata: { 'modelspec.title': 'Mix V-Pred' } }, v],
    ['words within words', named('overflow-turf-vivid-predator-workflow'), epsilon],
    [
      'diffusers, where its scheduler is silent',
      { scheduler: { _class_name: 'PNDMScheduler' }, family: 'sd1' },
      epsilon,
    ],
  ])('%s', async (_, files, expected) => {
    const { remarks, ...reading } = await read(files);
    expect(reading).toMatchObject({ ...expected, basis: 'assumed' });
    expect(remarks[0]).toMatch(/^The model is taken to predict .*the setting “prediction”/);
  });

  it.each([
    [0.1, 'v_prediction'],
    [0.08, 'epsilon'],
  ])('of SD 2.x by its weights, as ComfyUI does: %f', async (spread, expected) => {
    const reading = await read({ ...named('v2-1_768', 'sd2') }, spread);
    expect(reading).toMatchObject({ predictionType: expected, basis: 'assumed' });
    expect(reading.remarks).toHaveLength(expected === 'epsilon' ? 2 : 1);
  });

  it('as a scrubbed model tells it, whatever it is called now', async () => {
    const prediction = { predictionType: 'v_prediction', zeroTerminalSnr: true };
    const metadata = { erase_concept: JSON.stringify({ prediction }) };
    expect(await read({ ...named('model-without-flow'), metadata })).toMatchObject(prediction);
  });
});

const edm = /predicts over continuous noise levels \(EDM\)/;
const flow = /predicts a velocity.*\(rectified flow\)/;

describe('a model that predicts what is not trained is refused by name', () => {
  it.each<[string, Files, RegExp]>([
    ['CosXL', { tensors: ['edm_vpred.sigma_max', 'edm_vpred.sigma_min'] }, edm],
    ['CosXL as ComfyUI saves it', { tensors: ['edm_vpred.sigma_max', 'v_pred'] }, edm],
    ['Playground v2.5', { tensors: ['edm_mean', 'edm_std'] }, edm],
    ['sgm with EDM scaling', sgm(scaling('EDMScaling')), edm],
    ['sgm with v and EDM noise', sgm(scaling('VScalingWithEDMcNoise')), edm],
    [
      'sgm with EDM levels',
      sgm({ ...scaling('VScaling'), ...discretization('EDMDiscretization') }),
      edm,
    ],
    ['sgm without levels', sgm(scaling('VScaling'), 'Denoiser'), edm],
    ['sgm scaled for flow', sgm(scaling('RectifiedFlowScaling')), flow],
    ['an LDM of flow', { yaml: { target: 'ldm.models.LatentRectifiedFlow', params: {} } }, flow],
    ['an LDM of x0', params({ parameterization: 'x0' }), /predicts the clean picture \(x0\)/],
    ['ModelSpec flow', spec('flow_matching'), flow],
    [
      'ModelSpec of a flow',
      { metadata: { 'modelspec.noise_process': 'flow', 'modelspec.prediction_type': 'velocity' } },
      flow,
    ],
    ['ModelSpec EDM', spec('edm'), edm],
    [
      'ModelSpec by architecture',
      { metadata: { 'modelspec.architecture': 'stable-diffusion-xl-v1-flow' } },
      flow,
    ],
    ['a flow scheduler', { scheduler: { _class_name: 'FlowMatchEulerDiscreteScheduler' } }, flow],
    [
      'a flow scheduler in the index',
      { scheduler: {}, schedulerClass: 'FlowMatchHeunDiscreteScheduler' },
      flow,
    ],
    [
      'a solver of flows',
      { scheduler: { _class_name: 'UniPCMultistepScheduler', use_flow_sigmas: true } },
      flow,
    ],
    ['flow_prediction', { scheduler: { prediction_type: 'flow_prediction' } }, flow],
    [
      'an EDM scheduler',
      {
        scheduler: {
          _class_name: 'EDMDPMSolverMultistepScheduler',
          prediction_type: 'v_prediction',
        },
      },
      edm,
    ],
    [
      'continuous timesteps',
      { scheduler: { timestep_type: 'continuous', prediction_type: 'v_prediction' } },
      edm,
    ],
    ['sample', { scheduler: { prediction_type: 'sample' } }, /predicts the clean picture/],
    ['a name: RectifiedFlow', named('NoobAI-RectifiedFlow-Experimental'), flow],
    ['a name: Rectified-Flow', named('ChenkinNoob-XL-v0.2-Rectified-Flow'), flow],
    ['a name: RF', named('ChenkinRF 0.3'), flow],
    ['a name: rf', named('illustrious_rf_v1'), flow],
    ['a name: flow', named('bigasp-flow'), flow],
    ['a name: bigASP 2.5', named('bigASP_v2.5'), flow],
    ['a name: nyaflow', named('nyaflow-xl-alpha'), flow],
    ['a name: cosxl', named('cosxl'), edm],
    ['a name: Playground', named('playground-v2.5-1024px-aesthetic.fp16'), edm],
    ['a folder, as in Forge Neo', { path: '/models/Rectified Flow/noob.safetensors' }, flow],
    ['a title', { metadata: { 'modelspec.title': 'Noob Rectified Flow' } }, flow],
  ])('%s', async (_, files, message) => {
    await expect(read(files)).rejects.toMatchObject({
      code: 'model.unsupported',
      exitStatus: 3,
      message: expect.stringMatching(message) as string,
    });
    // The person decides, and is told what spoke against it.
    const chosen = await read({ ...files, wish: 'v' });
    expect(chosen).toMatchObject({ predictionType: 'v_prediction', basis: 'chosen' });
    expect(chosen.remarks.join(' ')).toMatch(/as you chose, although/);
  });

  it.each(['nai-v2-fm-flow', 'turf'])(
    'but a short word says nothing of SD 1.x: %s',
    async (name) => {
      expect(await read(named(name, 'sd1'))).toMatchObject({ predictionType: 'epsilon' });
    },
  );
});

describe('sources that contradict each other, or say what nobody understands, are refused', () => {
  it.each<[string, Files, readonly RegExp[]]>([
    [
      'config and marker',
      { ...params({ parameterization: 'eps' }), tensors: ['v_pred'] },
      [/parameterization "eps" in "model\.yaml"/, /the tensor "v_pred"/],
    ],
    [
      'config and metadata',
      { ...sgm(scaling('VScaling')), ...spec('epsilon') },
      [/VScaling/, /prediction_type "epsilon"/],
    ],
    [
      'marker and metadata',
      { tensors: ['v_pred'], ...spec('epsilon') },
      [/"v_pred"/, /"epsilon" in its metadata/],
    ],
    [
      'two entries of the metadata',
      { metadata: { 'modelspec.prediction_type': 'v', ss_v_parameterization: 'False' } },
      [/"v"/, /ss_v_parameterization "False"/],
    ],
    [
      'two parts of the config',
      { yaml: { params: { parameterization: 'eps', ...sgm(scaling('VScaling')).yaml.params } } },
      [/"eps"/, /VScaling/],
    ],
    [
      'scheduler and metadata',
      { scheduler: { prediction_type: 'epsilon' }, ...spec('v') },
      [/scheduler_config\.json/, /metadata/],
    ],
    ['EDM and noise', { tensors: ['edm_mean'], ...spec('epsilon') }, [/edm_mean/, /epsilon/]],
    [
      'the end of the schedule',
      { ...params({ parameterization: 'v', zero_snr: false }), tensors: ['ztsnr'] },
      [/"ztsnr"/, /zero_snr "false"/],
    ],
    [
      'noise at zero SNR',
      { tensors: ['ztsnr'], ...spec('epsilon') },
      [/"ztsnr".*zero terminal SNR/, /epsilon/],
    ],
    [
      'noise at zero SNR by default',
      { scheduler: { rescale_betas_zero_snr: true } },
      [/rescale_betas_zero_snr/],
    ],
    ['zero SNR alone', { tensors: ['ztsnr'] }, [/"ztsnr".*nothing says what it predicts/]],
    ['an unknown word', spec('bogus'), [/prediction_type "bogus".*not known/]],
    ['an unknown word of a config', params({ parameterization: 'w' }), [/parameterization "w"/]],
    ['an unknown scaling', sgm(scaling('MyScaling')), [/MyScaling/]],
    [
      'an unknown discretisation',
      sgm({ ...scaling('EpsScaling'), ...discretization('Other') }),
      [/discretizer\.Other/],
    ],
    ['an unknown denoiser', sgm(scaling('EpsScaling'), 'OtherDenoiser'), [/OtherDenoiser/]],
    ['an unknown yes or no', { metadata: { ss_v_parameterization: 'perhaps' } }, [/"perhaps"/]],
    [
      'an unknown prediction of a scheduler',
      { scheduler: { prediction_type: 'score' } },
      [/"score"/],
    ],
  ])('%s', async (_, files, parts) => {
    const refusal = await read(files).then(
      () => null,
      (error: unknown) => error as { code: string; message: string },
    );
    expect(refusal).toMatchObject({ code: 'checkpoint.config', exitStatus: 3 });
    for (const part of [...parts, /^"model\.safetensors"/, /--prediction/]) {
      expect(refusal?.message).toMatch(part);
    }
    expect(await read({ ...files, wish: 'epsilon' })).toMatchObject({
      predictionType: 'epsilon',
      zeroTerminalSnr: false,
      basis: 'chosen',
    });
  });
});

describe('what the person chooses', () => {
  it('keeps a stated zero terminal SNR with v, and no more', async () => {
    expect(await read({ tensors: ['ztsnr'], wish: 'v' })).toMatchObject({
      zeroTerminalSnr: true,
      remarks: [],
    });
    expect(await read({ ...named('noob-vpred'), wish: 'v' })).toMatchObject({
      zeroTerminalSnr: false,
    });
    expect(await read({ wish: 'v-ztsnr' })).toMatchObject({ zeroTerminalSnr: true, remarks: [] });
  });

  it('is remarked where it contradicts a statement', async () => {
    const { remarks } = await read({ tensors: ['v_pred', 'ztsnr'], wish: 'epsilon' });
    expect(remarks).toEqual([
      expect.stringMatching(
        /noise \(epsilon\), as you chose, although the tensor "v_pred" says.*v\./,
      ),
      expect.stringMatching(/is not rescaled.*although the tensor "ztsnr"/),
    ]);
  });
});
