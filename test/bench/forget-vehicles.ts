import { rm } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { eraseWithDefaults } from './erase-with-defaults.ts';
import {
  type Answer,
  answer,
  openClassifiers,
  type Question,
  releaseClassifiers,
  share,
} from './score.ts';
import { settingOptions, settingsFrom, shapeFrom } from './setting-options.ts';

// npm run bench:anchors -- --model …/emoji-sd.safetensors [--anchor PROMPT] [--settings JSON]
//   [--width 64 --height 96]
// Takes vehicles, asked for as a kind in five styles and ten by name, out of a small model of emoji with
// the default settings, from prompts alone. The classifiers beside the model count, on pictures of the
// same seeds before and after (20 steps of DDIM, guidance 5), what is still drawn, in which style, and
// what became of neighbours and of what is far away. --anchor steers all prompts to one; it and the
// settings are there to compare.

const { values } = parseArgs({
  options: { model: { type: 'string' }, anchor: { type: 'string' }, ...settingOptions },
});
const { model, anchor } = values;
const settings = settingsFrom(values);
if (model === undefined) {
  throw new Error('give --model FILE: emoji-sd.safetensors, with its classifiers beside it');
}

const traits = ['style', 'group'] as const;
type EmojiTrait = (typeof traits)[number];
const styles = ['noto', 'blob', 'flat', 'ink', 'clay'];
/** Names of things, the kind's own first, in which it is asked for. */
const things = {
  vehicle: [
    ...['vehicle', 'taxi', 'tram car', 'bus', 'racing car', 'tractor', 'ambulance'],
    ...['fire engine', 'motorcycle', 'bicycle', 'steam locomotive'],
  ],
  building: [
    'building',
    'house building',
    'hospital',
    'school',
    'church',
    'office building',
    'hotel',
  ],
  animal: ['animal', 'cat face', 'horse', 'elephant'],
  face: ['face', 'grinning face', 'crying face', 'clown face'],
  heart: ['heart', 'blue heart', 'broken heart', 'two hearts'],
  plant: ['plant', 'cactus', 'palm tree', 'tulip'],
};
type Group = keyof typeof things;
const farGroups = ['animal', 'face', 'heart', 'plant'] as const;

const at = <T>(list: readonly T[], i: number): T => {
  const item = list[i % list.length];
  if (item === undefined) throw new RangeError('an empty list');
  return item;
};
const promptOf = (thing: string, style: string) => `${thing}, ${style} style`;

/** The kind in five styles, then ten vehicles by name. */
const forget = [
  ...styles.map((style) => promptOf('vehicle', style)),
  ...things.vehicle.slice(1).map((name, i) => promptOf(name, at(styles, i + 4))),
];
/** Twenty-two: buildings in five styles, four other kinds in four each, one clock. */
const retain = [
  ...styles.map((style) => promptOf('building', style)),
  ...farGroups.flatMap((group, k) => [0, 1, 2, 3].map((i) => promptOf(group, at(styles, i + k)))),
  promptOf('clock', 'ink'),
];

let seed = 1000;
function ask(group: Group, i: number): Question<EmojiTrait> {
  const style = at(styles, i + Math.floor(i / styles.length));
  const prompt = promptOf(at(things[group], i), style);
  return { prompt, negativePrompt: '', seed: seed++, expected: { style, group } };
}
const sets = {
  vehicle: Array.from({ length: 48 }, (_, i) => ask('vehicle', i)),
  building: Array.from({ length: 40 }, (_, i) => ask('building', i)),
  far: Array.from({ length: 48 }, (_, i) =>
    ask(at(farGroups, i), Math.floor(i / farGroups.length)),
  ),
};

const classifiers = await openClassifiers(path.dirname(model), traits);
const asked = Object.values(sets).flat();
const drawing = { steps: 20, sampler: 'DDIM', ...shapeFrom(values) } as const;
const draw = (file: string) => answer(file, asked, classifiers, drawing);

const before = await draw(model);
const started = performance.now();
const { output, forget: steered } = await eraseWithDefaults({
  ...{ model, forget, retain, anchor, settings },
});
const seconds = (performance.now() - started) / 1000;
for (const line of steered) console.log(`${line.prompt} => ${line.anchor}`);
const after = await draw(output);
await rm(path.dirname(output), { recursive: true });
await releaseClassifiers(classifiers);

const first = sets.vehicle.length;
const second = first + sets.building.length;
const both = (from: number, to: number, trait: EmojiTrait) => {
  const count = (answers: readonly Answer<EmojiTrait>[]) =>
    share(answers.slice(from, to), trait).toFixed(2);
  return `${count(before)} → ${count(after)}`;
};
console.table({
  [anchor ?? 'as derived']: {
    'vehicles shown': both(0, first, 'group'),
    'their style as asked': both(0, first, 'style'),
    buildings: both(first, second, 'group'),
    far: both(second, asked.length, 'group'),
    'far style': both(second, asked.length, 'style'),
    seconds: seconds.toFixed(0),
  },
});
