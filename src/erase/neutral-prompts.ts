import type { PromptStyle } from '../drawing/prompt-style.ts';

/**
 * What is kept where nothing else is asked for: everyday subjects, places and media, wide apart, so
 * that a model is held to what it was wherever training might move it.
 */
const sentences: readonly string[] = [
  'a photo of a dog on a lawn',
  'a photo of a cat on a sofa',
  'a photo of a red car in a street',
  'a photo of a bowl of fruit on a table',
  'a photo of a mountain lake at sunrise',
  'a photo of a city skyline at night',
  'a photo of a woman in a coat reading a book',
  'a photo of a man in a suit',
  'a photo of children playing in a park',
  'a photo of a wooden house in a forest',
  'a photo of a kitchen with a window',
  'a photo of a sailing boat on the sea',
  'an oil painting of a village',
  'a watercolor of flowers in a vase',
  'a pencil drawing of a tree',
  'a 3d render of a robot',
];

const tags: readonly string[] = [
  '1girl, solo, long hair, dress, standing, outdoors, sky',
  '1girl, solo, short hair, coat, sitting, reading, book',
  '1boy, solo, short hair, shirt, upper body',
  '1boy, solo, suit, necktie, indoors',
  '2girls, school uniform, smile, classroom',
  '1boy, 1girl, holding hands, street, day',
  'multiple girls, playing, park, grass',
  '1girl, solo, kimono, fan, cherry blossoms',
  'no humans, scenery, mountain, lake, sunrise',
  'no humans, city, building, night',
  'no humans, house, forest',
  'no humans, cat, couch, indoors',
  'no humans, dog, grass, outdoors',
  'no humans, still life, fruit, bowl, table',
  'no humans, car, road, vehicle focus',
  'no humans, robot, science fiction',
];

/** See above, by how the model is asked. */
export const neutralPrompts: Readonly<Record<PromptStyle, readonly string[]>> = { sentences, tags };

/**
 * More of the kind, which are kept only where somebody asks for it: what nobody listed must survive, too, and
 * is measured by them.
 */
const otherSentences: readonly string[] = [
  'a photo of a horse in a field',
  'a photo of a bicycle against a wall',
  'a photo of a bridge over a river',
  'a photo of a loaf of bread on a board',
  'a photo of a desert with dunes',
  'a photo of a violin on a chair',
  'a photo of a lighthouse on a cliff',
  'a photo of a train in a station',
  'a photo of an old woman with glasses',
  'an ink drawing of a ship',
  'a pastel of a harbour',
  'a 3d render of a teapot',
];

const otherTags: readonly string[] = [
  '1girl, solo, ponytail, running, track suit, stadium',
  '1girl, solo, apron, cooking, kitchen',
  '1boy, solo, glasses, lab coat, laboratory',
  '2boys, sitting, bench, park, autumn',
  'no humans, bicycle, wall, street',
  'no humans, bridge, river, fog',
  'no humans, horse, field, grass',
  'no humans, train, station, rain',
  'no humans, bread, basket, table',
  'no humans, lighthouse, cliff, ocean',
  'no humans, violin, chair, indoors',
  'no humans, desert, dune, sun',
];

/** Everyday prompts wide apart, with those that are kept by default. */
export const everydayPrompts: Readonly<Record<PromptStyle, readonly string[]>> = {
  sentences: [...sentences, ...otherSentences],
  tags: [...tags, ...otherTags],
};
