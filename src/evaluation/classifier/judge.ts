import type { PictureJudge, PicturePair } from '../evaluator.ts';
import { type Measure, type PictureGroup, pictureGroups, type Verdict } from '../figure.ts';
import { figureName, groupWords } from '../picture-group.ts';
import type { EvaluationSettings } from '../pictures.ts';
import { Classifier } from './classifier.ts';
import type { ClassifierChoice } from './classifier-choice.ts';
import { namedLabel } from './named-label.ts';

/**
 * The classifiers that the settings ask for, as one judge.
 *
 * @throws AppError `judge.invalid`
 */
export async function openClassifiers({
  classifiers = [],
  threads,
}: EvaluationSettings): Promise<PictureJudge> {
  const judges: ClassifierJudge[] = [];
  try {
    for (const [i, choice] of classifiers.entries()) {
      const classifier = await Classifier.open(choice, threads);
      judges.push(new ClassifierJudge(classifier, { choice, place: i + 1 }));
    }
  } catch (error) {
    for (const judge of judges) await judge.release();
    throw error;
  }
  return new Panel(judges);
}

/** Several judges as one. */
class Panel implements PictureJudge {
  private readonly judges: readonly PictureJudge[];

  constructor(judges: readonly PictureJudge[]) {
    this.judges = judges;
  }

  async see(pair: PicturePair): Promise<void> {
    for (const judge of this.judges) await judge.see(pair);
  }

  measures(): Measure[] {
    return this.judges.flatMap((judge) => judge.measures());
  }

  async release(): Promise<void> {
    for (const judge of this.judges) await judge.release();
  }
}

/** What a classifier sees in the two pictures of a pair, and what their prompt names of its classes. */
interface Seen {
  readonly before: readonly string[];
  readonly after: readonly string[];
  readonly named: string | null;
}

class ClassifierJudge implements PictureJudge {
  private readonly classifier: Classifier;
  private readonly name: string;
  /** Begins the ids of its figures: those of the first judge have no number. */
  private readonly id: string;
  private readonly seen = new Map<PictureGroup, Seen[]>();

  constructor(
    classifier: Classifier,
    { choice, place }: { readonly choice: ClassifierChoice; readonly place: number },
  ) {
    this.classifier = classifier;
    this.name = choice.name;
    this.id = place === 1 ? 'classifier' : `classifier-${place}`;
  }

  async see({ group, prompt, before, after }: PicturePair): Promise<void> {
    const seen = {
      before: await this.classifier.labelsIn(before),
      after: await this.classifier.labelsIn(after),
      named: namedLabel(this.classifier.labels, prompt),
    };
    this.seen.set(group, [...this.seenOf(group), seen]);
  }

  private seenOf(group: PictureGroup): readonly Seen[] {
    return this.seen.get(group) ?? [];
  }

  measures(): Measure[] {
    return [...this.ofConcept(), ...this.asNamed()];
  }

  release(): Promise<void> {
    return this.classifier.release();
  }

  /** How often it sees the concept; nothing where none of its classes is the concept. */
  private ofConcept(): Measure[] {
    const { classes } = this.classifier;
    if (classes.length === 0) return [];
    const names = classes.map((name) => `“${name}”`).join(' or ');
    const isShown = (labels: readonly string[]) =>
      Number(labels.some((label) => classes.includes(label)));
    const quantity = { kind: 'share', reference: null } as const;
    return pictureGroups.flatMap((group): Measure[] => {
      const { role, prompts, one } = groupWords[group];
      const verdicts = this.seenOf(group).map(({ before, after }): Verdict => ({
        before: isShown(before),
        after: isShown(after),
      }));
      if (verdicts.length === 0 && group !== role) return [];
      const isAsked = role === 'forget';
      return [
        {
          ...{ ...quantity, ...figureName(`${this.id}.${isAsked ? 'shown' : 'false'}`, group) },
          wanted: isAsked ? 'lower' : 'unchanged',
          title: isAsked
            ? `Taken for ${names}${group === role ? '' : ` (${one})`}`
            : `Kept pictures taken for ${names}${group === role ? '' : ` (${one})`}`,
          meaning: `of ${verdicts.length} pictures of ${prompts} are ${names} to the classifier ${this.name}`,
          limits: isAsked
            ? `The classifier ${this.name} names the likeliest of the classes that it knows, whatever the picture shows.`
            : `So often the classifier ${this.name} sees the concept where nobody asked for it: the figure of the forgotten prompts cannot be told from less.`,
          caution: group === 'forget' ? this.cautionOf(verdicts) : null,
          verdicts,
        },
      ];
    });
  }

  private cautionOf(verdicts: readonly Verdict[]): string | null {
    return verdicts.some(({ before }) => before === 1)
      ? null
      : `The classifier ${this.name} sees the concept in none of the original’s own pictures: this was measured on nothing, and says nothing about the erasure.`;
  }

  /** How often it sees what kept prompts name; nothing where they name none of its classes. */
  private asNamed(): Measure[] {
    const verdicts = this.seenOf('retain').map(({ before, after, named }): Verdict | null =>
      named === null
        ? null
        : { before: Number(before.includes(named)), after: Number(after.includes(named)) },
    );
    const count = verdicts.filter((verdict) => verdict !== null).length;
    if (count === 0) return [];
    const quantity = { kind: 'share', reference: null, caution: null } as const;
    return [
      {
        ...{ ...quantity, id: `${this.id}.named`, role: 'retain', wanted: 'unchanged' },
        title: `Kept as named (${this.name})`,
        meaning: `of ${count} pictures of kept prompts that name a class of the classifier ${this.name} are that class to it`,
        limits: `Prompts name a class of ${this.name} where exactly one of its labels stands in them.`,
        verdicts,
      },
    ];
  }
}
