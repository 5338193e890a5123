import { defaultAdapters } from '../adapters/settings.ts';
import type { Drawing } from '../drawing/drawing.ts';
import { foldDrawing } from '../drawing/spellings.ts';
import { defaultMethod, findMethod, methodIds, ownSettings } from '../methods/registry.ts';
import type { LooseSettings } from '../methods/method.ts';

/**
 * What version 1 had for all methods in one flat object, those that its earliest programs did not
 * write as they took them.
 */
const earliestSettings = {
  method: 'erasediff',
  mixture: 0.5,
  forgetNorm: 750,
  firstTimestep: 999,
  lastTimestep: 999,
  evaluationPictures: 0,
  prediction: null,
  adapter: defaultAdapters.full,
  givenPictures: 'cut',
  until: 'steps',
  push: 'always',
  saliency: null,
  ema: null,
  anchors: 'own',
  forgetLoss: 'squared',
};

/** How version 2 drew whatever was asked for; methods without sets said no steps. */
const drawnInVersion2 = {
  drawSteps: 20,
  drawSampler: 'DPM++ 2M',
  clipSkip: 1,
  promptStyle: 'sentences',
  qualityWords: '',
  negative: '',
} satisfies Partial<Drawing>;

/**
 * A stored job or request, of any version, in the form of this one. Anything else stays as it is: its
 * schema says what is wrong with it.
 */
export function upgradeJob(stored: unknown): unknown {
  if (!isRecord(stored) || !isRecord(stored.settings)) return stored;
  if (stored.version !== 1 && stored.version !== 2) return stored;
  return { ...stored, version: 3, settings: upgradeSettings(stored.settings) };
}

/**
 * Settings of earlier versions without those of other methods, the inner loop with the rule that reads
 * it, what is drawn by the names that it has now.
 */
export function upgradeSettings(stored: LooseSettings): LooseSettings {
  const drawn = { ...drawnInVersion2, ...foldDrawing(stored) };
  const flat = withReadableGap({ ...earliestSettings, ...drawn });
  const id = methodIds.find((known) => known === (flat.method ?? defaultMethod));
  if (id === undefined) return stored;
  return findMethod(id).flat?.fold(ownSettings(id, flat)) ?? ownSettings(id, flat);
}

/**
 * Version 1 took the budget η·gap without an inner step, too: the gap was then 0 for ever. The same
 * is said of the other budget with the smallest η there is, which a product with it rounds to 0.
 */
function withReadableGap(settings: LooseSettings): LooseSettings {
  const { rule, innerSteps } = settings;
  if (innerSteps !== 0 || !isRecord(rule) || rule.budget !== 'gap') return settings;
  return { ...settings, rule: { ...rule, budget: 'norm', eta: Number.MIN_VALUE } };
}

function isRecord(value: unknown): value is LooseSettings {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
