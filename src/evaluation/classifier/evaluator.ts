import type { Evaluator, PictureJudge, PicturePair } from '../evaluator.ts';
import type { Measure, Role, Verdict } from '../figure.ts';
import { Classifier } from './classifier.ts';

/** Any classifier of pictures in a `.onnx` file, with the classes that count as the concept. */
export const classifierEvaluator: Evaluator = {
  id: 'classifier',
  sees: 'pictures',
  isAsked: ({ classifier }) => classifier !== undefined,
  open: async ({ classifier, threads }) => {
    if (!classifier) throw new Error('no classifier was asked for');
    return new ClassifierJudge(await Classifier.open(classifier, threads));
  },
};

class ClassifierJudge implements PictureJudge {
  private readonly classifier: Classifier;
  private readonly verdicts: Record<Role, Verdict[]> = { forget: [], retain: [] };

  constructor(classifier: Classifier) {
    this.classifier = classifier;
  }

  async see({ role, before, after }: PicturePair): Promise<void> {
    const isShown = async (image: PicturePair['before']) =>
      Number(this.classifier.classes.includes(await this.classifier.classify(image)));
    this.verdicts[role].push({ before: await isShown(before), after: await isShown(after) });
  }

  measures(): Measure[] {
    const names = this.classifier.classes.map((name) => `“${name}”`).join(' or ');
    const { forget, retain } = this.verdicts;
    const quantity = { kind: 'share', reference: null, caution: null } as const;
    return [
      {
        ...{ ...quantity, id: 'classifier.shown', role: 'forget', wanted: 'lower' },
        title: `Taken for ${names}`,
        meaning: `of ${forget.length} pictures of forgotten prompts are ${names} to the classifier`,
        limits:
          'The classifier names the likeliest of the classes that it knows, whatever the picture shows.',
        verdicts: forget,
      },
      {
        ...{ ...quantity, id: 'classifier.false', role: 'retain', wanted: 'unchanged' },
        title: `Kept pictures taken for ${names}`,
        meaning: `of ${retain.length} pictures of kept prompts are ${names} to the classifier`,
        limits:
          'So often the classifier sees the concept where nobody asked for it: the figure of the forgotten prompts cannot be told from less.',
        verdicts: retain,
      },
    ];
  }

  release(): Promise<void> {
    return this.classifier.release();
  }
}
