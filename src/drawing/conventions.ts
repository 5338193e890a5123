import type { Drawing } from './drawing.ts';

/** How people draw with models of a kind, and by which words in their names the kind is known. */
export interface Convention {
  /** What its authors call it. */
  readonly title: string;
  /** Of a name in lower-case words with hyphens between and around them. */
  readonly pattern: RegExp;
  /** `ModelFacts.title`; undefined: any. */
  readonly family?: 'SD 1.x' | 'SDXL';
  readonly draws: Partial<Drawing>;
  /** Where its settings are said. */
  readonly source: string;
}

/** Latent consistency models. */
export const lcm: Convention = {
  title: 'LCM',
  pattern: /-lcm-/,
  draws: { drawSteps: 4, drawCfg: 1.5, drawSampler: 'LCM' },
  source: 'huggingface.co/latent-consistency: 4 to 8 steps, CFG 1 to 2',
};

/**
 * Models that were distilled to draw in few steps, with guidance in their weights; the most telling words
 * first. Of whole words only, and not where they are the subject: `hyper-realism`, `lightning-bolt`.
 */
export const distillations: readonly Convention[] = [
  {
    title: 'SDXL-Lightning',
    pattern: /-lightning-(?!storms?-|bolts?-|mcqueen|strikes?-|photos?-|effects?-)/,
    draws: { drawSteps: 4, drawCfg: 1, drawSampler: 'Euler SGM Uniform' },
    source: 'huggingface.co/ByteDance/SDXL-Lightning: Euler, trailing timesteps, no guidance',
  },
  {
    // Its 8 and 12 steps that were made to keep guidance.
    title: 'Hyper-SD with guidance',
    pattern: /-hyper-(?:[a-z0-9]+-)*cfg-/,
    draws: { drawSteps: 8, drawCfg: 5, drawSampler: 'DDIM SGM Uniform' },
    source: 'huggingface.co/ByteDance/Hyper-SD: CFG 5 to 8 with the CFG-preserved models',
  },
  {
    title: 'Hyper-SD',
    pattern: /-hyper-?(?:sd|xl|\d|v\d|lora|pony|merge|baked|vae|fp\d|steps?|by|$)/,
    draws: { drawSteps: 8, drawCfg: 1, drawSampler: 'DDIM SGM Uniform' },
    source: 'huggingface.co/ByteDance/Hyper-SD: DDIM, trailing timesteps, no guidance',
  },
  {
    title: 'DMD2',
    pattern: /-dmd-?2?-/,
    draws: { drawSteps: 4, drawCfg: 1, drawSampler: 'LCM' },
    source: 'huggingface.co/tianweiy/DMD2: LCM, 4 steps, no guidance',
  },
  lcm,
  {
    // Merges of it, whose names begin otherwise, are drawn at SDXL's own size.
    title: 'SDXL-Turbo',
    pattern: /^-(?:stabilityai-)?(?:sd-?xl|stable-diffusion-xl)(?:-1-0)?-turbo-/,
    family: 'SDXL',
    draws: {
      ...{ drawSteps: 4, drawCfg: 1, drawSampler: 'Euler a SGM Uniform' },
      ...{ width: 512, height: 512 },
    },
    source: 'huggingface.co/stabilityai/sdxl-turbo: 512 × 512, 1 to 4 steps, no guidance',
  },
  {
    title: 'Turbo',
    pattern: /-(?:sd-?|sdxl-?)?turbo-/,
    draws: { drawSteps: 4, drawCfg: 1, drawSampler: 'Euler a SGM Uniform' },
    source: 'huggingface.co/stabilityai/sdxl-turbo: 1 to 4 steps, Euler a, trailing, no guidance',
  },
];

/** What a name says by a number of steps alone: distilled, nobody knows how. */
export const unknownDistillation: Convention = {
  title: 'few steps',
  pattern: /^/,
  draws: { drawCfg: 1, drawSampler: 'Euler SGM Uniform' },
  source: 'what all distilled models have in common: trailing timesteps, no guidance',
};

const anime: Partial<Drawing> = {
  ...{ drawSampler: 'Euler a', drawSteps: 28, drawCfg: 5 },
  promptStyle: 'tags',
};

/**
 * Models with words of their own for quality. Words for what is in a picture (`safe`, `nsfw`,
 * `signature`), which their authors recommend too, are left out: they would keep from the sets what may
 * be just what is to be forgotten.
 */
export const styles: readonly Convention[] = [
  {
    title: 'NoobAI-XL',
    pattern: /-noob(?:ai)?-?(?:xl|mix|v\d|vpred|eps|\d|-|$)/,
    family: 'SDXL',
    draws: {
      ...anime,
      qualityWords: 'masterpiece, best quality, newest, absurdres, highres',
      negative: 'worst quality, old, early, low quality, lowres',
    },
    source: 'huggingface.co/Laxhar/noobai-XL-1.0: Euler a, 25 to 30 steps, CFG 5 to 6',
  },
  {
    title: 'Pony Diffusion V6 XL',
    pattern:
      /-(?:(?:ani|wai)?pony(?:xl|sdxl|mix)?(?:v\d[a-z0-9]*)?|ponydiffusion[a-z0-9]*|pdxl|pdv6|autismmix[a-z0-9]*)-(?!photos?-|pictures?-|rides?-|tails?-|horses?-)/,
    family: 'SDXL',
    draws: {
      ...{ drawSampler: 'Euler a', drawSteps: 25, drawCfg: 7, clipSkip: 2 },
      promptStyle: 'tags',
      qualityWords: 'score_9, score_8_up, score_7_up, score_6_up, score_5_up, score_4_up',
    },
    source: 'civitai.com/models/257749: clip skip 2, Euler a, 25 steps, the score words',
  },
  {
    title: 'Illustrious-XL',
    pattern: /-(?:illustrious-?(?:xl|v\d|\d|-|$)|il(?:xl)?-?v\d|ilxl-)/,
    family: 'SDXL',
    draws: {
      ...anime,
      qualityWords: 'masterpiece, best quality',
      negative: 'worst quality, bad quality, low quality, lowres',
    },
    source:
      'huggingface.co/OnomaAIResearch/Illustrious-xl-early-release-v0: Euler a, 20 to 28 steps, CFG 5 to 7.5',
  },
  {
    title: 'Animagine XL',
    pattern: /-animagine-/,
    family: 'SDXL',
    draws: {
      ...anime,
      qualityWords: 'masterpiece, best quality, absurdres',
      negative: 'lowres, worst quality, low quality',
    },
    source: 'huggingface.co/cagliostrolab/animagine-xl-4.0: Euler a, 28 steps, CFG 5',
  },
  {
    title: 'anime models of SD 1.x',
    pattern:
      /-(?:anime|animefull|nai|novelai|anything|counterfeit|meina(?:mix|hentai|pastel|unreal)?|abyss-?orange-?mix\d?|orange-?mixs?|aom\d?|pastel-?mix|hassaku|cetus-?mix|dark-?sushi-?mix|any-?lora|toon-?you|mistoon|ghost-?mix|koto-?s?mix|momoiro|divine-?anime-?mix|rev-?animated|aniverse)-/,
    family: 'SD 1.x',
    draws: { clipSkip: 2, promptStyle: 'tags' },
    source:
      'blog.novelai.net/novelai-improvements-on-stable-diffusion: the penultimate layer, which merges of theirs keep',
  },
  {
    title: 'models of image boards',
    pattern:
      /-(?:danbooru\d*|e621|kohaku-?xl|hassaku-?xl|counterfeit-?xl|blue-?pencil-?xl|anima-?pencil|holodayo|anime-?xl|anime-sdxl|sdxl-anime|fluffy-?rock|easy-?fluff|yiffy-?mix|indigo-?furry|furryrock|bb95-furry|furry)-/,
    draws: { promptStyle: 'tags' },
    source:
      'huggingface.co/KBlueLeaf/kohaku-xl-beta5 and others, trained with tags of Danbooru or e621',
  },
];
