import { elementAt } from '../../element-at.ts';
import { createGenerator, seedFor } from '../../tensor/random.ts';

const consonants = 'b d f g k l m n p r s t v z'.split(' ');
const vowels = 'a e i o u'.split(' ');

/** Names that nobody has, for a model that is to be asked for what it cannot know: `Vodalu Kemiro`. */
export function inventedNames(count: number, seed: number): string[] {
  return Array.from({ length: count }, (_, i) => {
    const generator = createGenerator(seedFor(seed, 'name', i));
    const pick = (letters: readonly string[]) =>
      elementAt(letters, elementAt(generator.randomIntegers(1, 0, letters.length), 0));
    const word = () => {
      const letters = [1, 2, 3].map(() => pick(consonants) + pick(vowels)).join('');
      return letters.charAt(0).toUpperCase() + letters.slice(1);
    };
    return `${word()} ${word()}`;
  });
}
