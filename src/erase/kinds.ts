import { once } from '../once.ts';
import { promptWords } from '../tokenizer/prompt-words.ts';
import { singular } from './singular.ts';

/** Things by the kind that they are of, as prompts name them; a kind may be of another kind. */
const membersByKind: Readonly<Record<string, string>> = {
  animal:
    'dog, cat, bird, fish, horse, cow, sheep, goat, pig, rabbit, mouse, rat, hamster, squirrel, fox, wolf, bear, lion, tiger, leopard, cheetah, elephant, giraffe, zebra, monkey, gorilla, deer, kangaroo, koala, panda, camel, donkey, hippo, rhino, reptile, insect, frog, whale, dolphin, seal, octopus, crab, pet',
  pet: 'dog, cat, hamster, goldfish, parrot',
  dog: 'puppy, poodle, labrador, retriever, golden retriever, german shepherd, shepherd dog, bulldog, pug, chihuahua, dachshund, beagle, terrier, husky, corgi, dalmatian, collie, greyhound, rottweiler, doberman, spaniel, boxer dog, shiba inu, hound, pomeranian, mastiff, great dane',
  cat: 'kitten, siamese, persian cat, tabby, maine coon, sphynx, ragdoll cat, tomcat, siamese cat',
  bird: 'parrot, eagle, owl, sparrow, pigeon, dove, crow, raven, swan, duck, goose, chicken, rooster, hen, penguin, flamingo, peacock, hawk, falcon, seagull, hummingbird, robin, turkey, ostrich, canary, stork',
  fish: 'shark, salmon, goldfish, tuna, trout, clownfish, koi, carp',
  horse: 'pony, stallion, foal, mare, mustang horse',
  reptile: 'snake, lizard, turtle, tortoise, crocodile, alligator, iguana, gecko, chameleon',
  snake: 'cobra, python, viper, rattlesnake, boa',
  insect: 'bee, butterfly, ant, beetle, ladybug, dragonfly, moth, fly, wasp, mosquito, grasshopper',
  bear: 'polar bear, grizzly, teddy bear',
  monkey: 'chimpanzee, baboon, macaque',
  plant: 'tree, flower, bush, cactus, fern, grass, moss',
  tree: 'oak, pine, palm, birch, willow, maple, palm tree, fir, spruce, cherry tree, christmas tree',
  flower:
    'rose, tulip, daisy, sunflower, lily, orchid, lotus, poppy, violet, daffodil, carnation, dandelion, iris',
  fruit:
    'apple, banana, orange, pear, peach, grape, strawberry, cherry, lemon, lime, pineapple, watermelon, melon, mango, kiwi, plum, blueberry, raspberry, berry',
  berry: 'strawberry, blueberry, raspberry, blackberry',
  vegetable:
    'carrot, tomato, potato, cucumber, onion, cabbage, broccoli, lettuce, pepper, pumpkin, corn, eggplant',
  food: 'fruit, vegetable, pizza, burger, hamburger, hot dog, sandwich, bread, cake, cheese, sushi, pasta, soup, salad, steak, meat, ice cream, chocolate, cookie, donut, pancake',
  cake: 'cupcake, cheesecake, birthday cake, wedding cake',
  drink: 'beer, wine, coffee, tea, cocktail, whisky, whiskey, vodka, juice, water, milk, alcohol',
  alcohol: 'beer, wine, cocktail, whisky, whiskey, vodka, rum, gin, champagne',
  vehicle:
    'car, truck, bus, van, taxi, train, tram, tram car, motorcycle, motorbike, bicycle, bike, scooter, boat, ship, airplane, aeroplane, plane, helicopter, tractor, ambulance, fire engine, tank, submarine, rocket',
  car: 'taxi, cab, suv, sedan, limousine, convertible, sports car, police car, race car, racing car, ferrari, porsche, lamborghini, tesla, mustang, beetle car, jeep, hatchback, coupe, pickup',
  boat: 'sailboat, sailing boat, canoe, kayak, gondola, ferry, yacht, rowing boat',
  ship: 'cruise ship, battleship, pirate ship, container ship, yacht, ferry',
  airplane: 'jet, fighter jet, airliner, biplane, glider',
  weapon:
    'gun, sword, rifle, pistol, handgun, spear, dagger, bomb, grenade, cannon, machine gun, shotgun, katana',
  gun: 'pistol, rifle, revolver, shotgun, machine gun, handgun, assault rifle',
  sword: 'katana, rapier, sabre, lightsaber',
  building:
    'house, church, castle, tower, skyscraper, temple, mosque, cathedral, palace, barn, school, hospital, hotel, cottage, hut, lighthouse, factory, museum',
  house: 'cottage, villa, mansion, hut, bungalow, cabin',
  church: 'cathedral, chapel, abbey',
  clothes:
    'dress, shirt, t-shirt, coat, jacket, skirt, trousers, jeans, suit, hat, shoe, boot, sock, glove, scarf, bikini, swimsuit, underwear, lingerie, bra, sweater, hoodie',
  hat: 'cap, beanie, top hat, fedora, sombrero, cowboy hat, baseball cap, beret',
  shoe: 'boot, sneaker, sandal, high heel, slipper',
  furniture: 'chair, table, sofa, couch, bed, desk, bookshelf, wardrobe, armchair, stool, bench',
  chair: 'armchair, rocking chair, office chair, stool, throne',
  instrument: 'guitar, piano, violin, drum, trumpet, flute, saxophone, cello, harp',
  guitar: 'electric guitar, bass guitar, ukulele',
  person:
    'man, woman, child, boy, girl, baby, nurse, doctor, soldier, policeman, police officer, clown, king, queen, president, pope, priest, nun, chef, firefighter, astronaut, celebrity, politician, actor, actress',
  man: 'boy, king, policeman, priest, businessman, cowboy, knight, monk',
  woman: 'girl, queen, nun, actress, businesswoman, princess, bride, lady',
  child: 'boy, girl, baby, toddler, kid',
  'sports ball': 'football, basketball, baseball, tennis ball, golf ball, soccer ball',
  ball: 'football, basketball, baseball, tennis ball, golf ball, soccer ball',
  jewelry: 'ring, necklace, earring, bracelet, brooch',
};

/**
 * The kinds that each name is of, itself included; names as `nameOf` writes them. Made when it is
 * asked for: a start need not wait for it.
 */
const kindsByName = once(() => {
  const membership = Object.entries(membersByKind).map(
    ([kind, members]) => [kind, members.split(', ')] as const,
  );
  /** The kinds that list each name. */
  const listedBy = new Map<string, string[]>();
  for (const [kind, members] of membership) {
    for (const name of members) listedBy.set(name, [...(listedBy.get(name) ?? []), kind]);
  }
  const kindsAbove = (name: string): string[] =>
    (listedBy.get(name) ?? []).flatMap((kind) => [nameOf(kind), ...kindsAbove(kind)]);
  const kinds = new Map<string, ReadonlySet<string>>();
  for (const name of membership.flatMap(([kind, members]) => [kind, ...members])) {
    kinds.set(nameOf(name), new Set([nameOf(name), ...kindsAbove(name)]));
  }
  return kinds;
});

function nameOf(name: string): string {
  return promptWords(name).map(singular).join(' ');
}

/**
 * The names of kinds that are known here among the words of a prompt, in the singular.
 *
 * @param words in the singular, in their order
 */
export function namesOfKinds(words: readonly string[]): string[] {
  return words.flatMap((_, start) =>
    [1, 2, 3]
      .map((count) => words.slice(start, start + count).join(' '))
      .filter((name) => kindsByName().has(name)),
  );
}

/** Whether one name is another kind's member: `poodle` is of the kind `dog`, and of `animal`. */
export function isOfKind(name: string, kind: string): boolean {
  return name !== kind && kindsByName().get(name)?.has(kind) === true;
}
