import { expect, it } from 'vitest';

import { readEvaluation, type StoredEvaluation } from '../../src/evaluation/stored-evaluation.ts';
import type { EraseEvent, SampleEvent } from '../../src/erase/events.ts';
import type { EraseJob } from '../../src/erase/job.ts';
import { jobBegun } from '../../src/erase/job-begun.ts';
import { JobTimeline } from '../../src/jobs/job-progress.ts';
import { defaultSettings, usualModel } from '../../src/methods/registry.ts';
import { tellStory } from '../../src/report/job-story.ts';
import { choosePictures } from '../../src/report/report-content.ts';
import { renderReport } from '../../src/report/report-page.ts';
import { describeEvaluation } from '../../src/cli/describe-evaluation.ts';
import { exampleJob } from '../jobs/example-job.ts';

const hostile = [
  '</style></title><script>alert(1)</script>',
  '"><img src=x onerror=alert(2)>',
  "' onmouseover='alert(3)",
  '<!-- ]]> &amp; &#x3c;b&#x3e; \u202ereversed\u0000\u001b[31m \ud800',
  'javascript:alert(4)',
];

const progress = (step: number, loss: number): EraseEvent => ({
  event: 'progress',
  step,
  steps: 40,
  retainLoss: loss / 10,
  forgetLoss: loss,
  gap: null,
  lambda: 1,
  retainGradientNorm: 1,
  forgetGradientNorm: 1,
  secondsPerStep: 0.5,
  etaSeconds: 1,
});
const sample = (
  which: SampleEvent['which'],
  step: number,
  prompt: string,
  rest: Partial<SampleEvent> = {},
): SampleEvent => ({
  event: 'sample',
  file: `/samples/${which}-${step}-${prompt.length}-${rest.seed ?? 0}-${rest.role ?? ''}.png`,
  prompt,
  which,
  step,
  role: 'forget',
  seed: 0,
  ...rest,
});

const shares = { pictures: 8, before: 0.9375, after: 0.0625, change: 0.2 };
/** As the first version kept it. */
const evaluation: StoredEvaluation = {
  forget: { ...shares, margin: 0.1 },
  retain: { ...shares, after: 0.9 },
  unrelatedChange: 0.3,
  prompts: [],
};

const eraseDiffJob: EraseJob = {
  ...exampleJob,
  id: 'example',
  forget: hostile.map((prompt) => ({ prompt, anchor: prompt })),
  retain: hostile,
  preset: hostile[0]!,
};

function render(events: readonly EraseEvent[], job = eraseDiffJob): string {
  const story = tellStory(events);
  const pictures = choosePictures(job, story);
  const files = story.samples.map(({ file }) => file);
  const model = { name: hostile[1]!, sha256: 'ab'.repeat(32), bytes: 2e9 };
  return renderReport({
    job,
    story,
    concept: hostile[0]!,
    original: model,
    result: { ...model, sha256: 'cd'.repeat(32) },
    steps: 39,
    finishedAt: new Date('2026-11-24T05:00:00Z'),
    pictures,
    isDrawnByHost: false,
    attacks: [],
    embedded: new Map(files.map((file) => [file, 'data:image/webp;base64,AAAA'])),
  });
}

const whole = (): EraseEvent[] => [
  jobBegun(eraseDiffJob, '/'),
  progress(1, 0.5),
  progress(2, 0.4),
  ...hostile.flatMap((prompt) => [
    sample('before', 0, prompt),
    sample('during', 20, prompt),
    sample('after', 40, prompt),
    sample('before', 0, prompt, { role: 'retain', seed: 1 }),
    sample('after', 40, prompt, { role: 'retain', seed: 1 }),
  ]),
  { event: 'notice', message: hostile[0]! },
  { event: 'evaluation', evaluation },
];

/** The elements of a page; throws unless every tag is closed in its turn and every value quoted. */
function elementsOf(page: string): string[] {
  const voids = new Set(['meta', 'img', 'br', 'path']);
  const open: string[] = [];
  const names: string[] = [];
  const body = page.replace(/^<!doctype html>\n/, '').replace(/<style>[^<]*<\/style>/, '');
  const rest = body.replace(
    /<(\/?)([a-z][a-z0-9]*)((?:\s+[a-zA-Z-]+="[^"<>]*")*)\s*(\/?)>/g,
    (_, ...[slash = '', name = '', attributes = '', selfClosing = '']: string[]) => {
      if (slash !== '') {
        if (open.pop() !== name) throw new Error(`</${name}> closes another element`);
      } else {
        names.push(name);
        if (selfClosing === '') open.push(name);
        else if (!voids.has(name)) throw new Error(`<${name} /> is not an empty element`);
      }
      if (/\son/.test(attributes.replace(/"[^"]*"/g, '')))
        throw new Error(`handler in ${attributes}`);
      return '';
    },
  );
  if (open.length > 0) throw new Error(`left open: ${open.join(', ')}`);
  if (/[<>]/.test(rest))
    throw new Error(`not a tag: ${/.{0,40}[<>].{0,40}/.exec(rest)?.[0] ?? ''}`);
  return names;
}

it('a report is well-formed whatever the prompts, names and messages are', () => {
  const page = render(whole());
  const elements = elementsOf(page);
  expect(elements).not.toContain('script');
  expect(elements.filter((name) => name === 'svg')).toHaveLength(2);
  // Every picture of a pair, and the strips of the previews.
  expect(elements.filter((name) => name === 'img')).toHaveLength(2 * 5 + 3 * 5);
  expect(page).not.toMatch(/[\0-\x08\x0b\x0c\x0e-\x1f\u202e]/);
  expect(page).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
});

it('a report loads nothing and runs nothing', () => {
  const page = render(whole());
  for (const [, address = ''] of page.matchAll(
    /\s(?:src|href|srcset|action|data|poster)="([^"]*)"/g,
  )) {
    expect(address).toMatch(/^data:image\/webp;base64,/);
  }
  expect(page).not.toMatch(/url\(|@import|<link|<iframe|<object|https?:\/\//);
  expect(page).toContain(`content="default-src 'none'; img-src data:; style-src 'unsafe-inline'"`);
});

it('a report tells the figures with their meaning, the hashes, the settings and the notices', () => {
  const text = render(whole())
    .replace(/<[^>]*>/g, '')
    .replace(/\s+/g, ' ');
  expect(text).toContain('94 % → 6 % of 8 pictures of forgotten prompts still show the concept');
  expect(text).toContain(`SHA-256 ${'ab'.repeat(32)}`);
  expect(text).toContain(`SHA-256 ${'cd'.repeat(32)}`);
  expect(text).toContain('Steps of the result 39');
  expect(text).toContain('Learning rate 0.00001');
  expect(text).toContain('The model predicts epsilon (parameterization');
  expect(text).toContain('2026-11-24 05:00 UTC');
});

it('a report of SISS tells how near the given pictures came, and of no anchors', () => {
  const fromGiven = { before: 0.05, after: 0.3 };
  const judged = { ...evaluation, forget: { ...evaluation.forget, fromGiven, margin: 0 } };
  const settings = defaultSettings({ method: 'siss', ...usualModel });
  const text = render([progress(1, 0.5), { event: 'evaluation', evaluation: judged }], {
    ...eraseDiffJob,
    settings,
  })
    .replace(/<[^>]*>/g, '')
    .replace(/\s+/g, ' ');
  expect(text).toContain('0.05 → 0.30 is how far a picture of a forgotten prompt is from the most');
  expect(text).toContain('Method SISS');
  expect(text).toContain('Strength of forgetting 750');
  expect(text).not.toContain('steered to and');
  expect(text).not.toContain('Inner steps');
  expect(text).not.toMatch(/hardly tells|Forgotten prompt steered to/);
});

it('a job that was neither watched nor judged has a report too', () => {
  const page = render([jobBegun(eraseDiffJob, '/')]);
  expect(elementsOf(page)).not.toContain('svg');
  expect(page).toContain('Nothing was measured');
});

it('tells what was judged on the way, which state is the result, and where the steps went', () => {
  const judged = (step: number, shown: number): EraseEvent => ({
    ...{ event: 'judged', step, shown, pictures: 16, rise: 0.025 },
  });
  const steps = [1, 2, 3].map((step) => ({
    ...{ ...progress(step, 0.5), retainCosine: 0.1 * step, forgetCosine: 0.9 },
  }));
  const page = render([...steps, judged(36, 3), judged(36, 3), judged(39, 0)]);
  const text = page.replace(/<[^>]*>/g, '').replace(/\s+/g, ' ');
  expect(text).toContain('36 3 of 16 2.5 % 39 (the result) 0 of 16 2.5 %');
  expect(text).toContain('Direction of the steps');
  // Losses, λ, directions, and the way.
  expect(elementsOf(page).filter((name) => name === 'svg')).toHaveLength(4);
});

it('a step that was done again counts once, and broken numbers break no chart', () => {
  const events = [progress(1, 0.5), progress(2, 0.9), progress(2, 0.4), progress(3, Number.NaN)];
  const timeline = new JobTimeline();
  for (const event of events) timeline.apply(event);
  // As it was told first: whoever watches has seen it.
  for (const { progress: told } of [tellStory(events), timeline]) {
    expect(told.map(({ step }) => step)).toEqual([1, 2, 3]);
    expect(told[1]?.forgetLoss).toBe(0.9);
  }
  const page = render(events);
  expect(elementsOf(page)).toContain('svg');
  expect(page).not.toMatch(/NaN|Infinity|undefined/);
});

it('of many pictures a report shows so many that its size stays bounded', () => {
  const many = Array.from({ length: 100 }, (_, i) => `prompt ${'x'.repeat(i)}`);
  const story = tellStory([
    ...many.flatMap((prompt) => [
      sample('before', 0, prompt, { seed: 1 }),
      sample('after', 200, prompt, { seed: 1 }),
    ]),
    sample('before', 0, 'p'),
    ...Array.from({ length: 199 }, (_, i) => sample('during', i + 1, 'p')),
    sample('after', 200, 'p'),
  ]);
  const { pairs, strips } = choosePictures(eraseDiffJob, story);
  expect(pairs.forget).toHaveLength(12);
  expect(strips).toHaveLength(1);
  const steps = strips[0]!.map(({ step }) => step);
  expect(steps).toHaveLength(8);
  expect([steps[0], steps.at(-1)]).toEqual([0, 200]);
});

it('says how it stands at another clip skip, too, and where a setting was guessed from', () => {
  const settings = { ...eraseDiffJob.settings, clipSkip: 2 };
  const job = { ...eraseDiffJob, settings, drawingSources: { clipSkip: 'its name: “anything”' } };
  const own = readEvaluation(evaluation);
  const figures = own.figures.map((figure) => ({ ...figure, title: 'Elsewhere', after: 0.4375 }));
  const judged = { ...own, atOtherClipSkip: { clipSkip: 1, figures } };
  const page = render([jobBegun(job, '/'), { event: 'evaluation', evaluation: judged }], job);
  expect(elementsOf(page)).not.toContain('script');
  const text = page.replaceAll(/<[^>]*>/g, ' ').replaceAll(/\s+/g, ' ');
  expect(text).toMatch(/At clip skip 1 The figures above are of clip skip 2/);
  expect(text).toMatch(/Elsewhere 94 % → 44 %/);
  expect(text).toContain('2, from its name: “anything”');
  expect(describeEvaluation(judged)).toMatch(
    /The same at clip skip 1:\n.*\n *Elsewhere +94 % +44 %/,
  );
  expect(render([{ event: 'evaluation', evaluation }], job)).not.toContain('At clip skip 1');
});

it('shows what was drawn at other strengths in a row from the original on', () => {
  const at = (strength: number) =>
    sample('after', 40, 'a heart', { seed: 1, strength, file: `/samples/${strength}.png` });
  const events = [
    sample('before', 0, 'a heart', { seed: 1 }),
    sample('after', 40, 'a heart', { seed: 1 }),
    ...[at(0.5), at(1.5)],
  ];
  const { pairs, strengths } = choosePictures(eraseDiffJob, tellStory(events));
  expect(pairs.forget.map(({ after }) => after)).toEqual([events[1]]);
  expect(strengths.map((row) => row.map(({ strength }) => strength))).toEqual([[0, 0.5, 1, 1.5]]);
  const text = render(events)
    .replaceAll(/<[^>]*>/g, ' ')
    .replaceAll(/\s+/g, ' ');
  expect(text).toMatch(/At other strengths .* 0 0\.5 1 1\.5 Forgotten a heart/);
});
