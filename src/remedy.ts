/** What front ends ask for, by the command line's option and by how the page names it. */
const places = {
  adapter: { option: '--adapter', field: 'under “Form of the change”' },
  baseLoras: { option: '--base-lora', field: 'under “LoRAs on top”' },
  batch: { option: '--batch', field: 'under “Batch”' },
  computePrecision: { option: '--precision', field: 'under “Precision of the training”' },
  concept: { option: '--concept', field: 'under “Name of the concept”' },
  data: { option: '--data', field: 'by starting the server with --data' },
  device: { option: '--device', field: 'under “Device”' },
  embeddings: { option: '--forget-embedding', field: 'under “Embeddings to forget”' },
  evaluationPictures: { option: '--evaluate', field: 'under “Pictures to compare”' },
  forget: { option: '--forget', field: 'under “Prompts to forget”' },
  forgetImages: { option: '--forget-images', field: 'under “Pictures to forget”' },
  learningRate: { option: '--lr', field: 'under “Learning rate”' },
  method: { option: '--method', field: 'under “Method”' },
  output: { option: '--output', field: 'under “Result”' },
  out: { option: '--out', field: 'under “Name of the concept”' },
  loraOut: { option: '--lora-out', field: 'under “Name of the concept”' },
  prediction: { option: '--prediction', field: 'under “What the model predicts”' },
  preset: { option: '--preset', field: 'by choosing a preset' },
  retain: { option: '--retain', field: 'under “Prompts to keep”' },
  size: { option: '--size', field: 'under “Width” and “Height”' },
  target: { option: '--target', field: 'under “Forgetting steers to”' },
  train: { option: '--train', field: 'under “What is trained”' },
  vae: { option: '--vae', field: 'under “VAE”' },
  variables: { option: '--set', field: 'in the fields of the preset' },
} as const;
export type RemedySetting = keyof typeof places;
export const remedySettings = Object.keys(places) as RemedySetting[];

/** What a person may set otherwise so that it works, as data: each front end words it. */
export interface Remedy {
  /** What to do, up to where it is said: `choose another name`. */
  readonly advice: string;
  /** Where; one of them is enough. */
  readonly settings: readonly {
    readonly setting: RemedySetting;
    /** What to give; left out where it is the person's to choose. */
    readonly value?: string;
  }[];
}

/** For the command line: `choose another name with --out`. */
export function wordForOptions({ advice, settings }: Remedy): string {
  const options = settings.map(({ setting, value }) =>
    [places[setting].option, ...(value === undefined ? [] : [value])].join(' '),
  );
  return `${advice} with ${listed(options)}.`;
}

/** How the page names where something is set: `under “Batch”`. */
export function placeInPage(setting: RemedySetting): string {
  return places[setting].field;
}

/** For the page: `choose another name under “Name of the concept”`. */
export function wordForFields({ advice, settings }: Remedy): string {
  const valuesIn = new Map<string, string[]>();
  for (const { setting, value } of settings) {
    const { field } = places[setting];
    const values = valuesIn.get(field) ?? [];
    valuesIn.set(field, value === undefined ? values : [...values, value]);
  }
  const fields = [...valuesIn].map(([field, values]) =>
    values.length === 0 ? field : `${field}: ${listed(values)}`,
  );
  return `${advice} ${listed(fields)}.`;
}

/** A message that was worded for options as the page words it. */
export function messageForFields(message: string, remedy: Remedy | undefined): string {
  return remedy === undefined
    ? message
    : message.replace(wordForOptions(remedy), () => wordForFields(remedy));
}

function listed(words: readonly string[]): string {
  const last = words.slice(-1);
  return [words.slice(0, -1).join(', '), ...last].filter((part) => part !== '').join(' or ');
}
