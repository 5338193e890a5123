/**
 * What is kept where nothing else is asked for: everyday subjects, places and media, wide apart, so
 * that a model is held to what it was wherever training might move it.
 */
export const neutralPrompts: readonly string[] = [
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
