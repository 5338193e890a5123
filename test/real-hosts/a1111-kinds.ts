/** What a drive must know of a web UI of AUTOMATIC1111's family. */
export interface WebUiKind {
  /** Flags that have it work on the processor alone, in 32 bits, and download nothing. */
  readonly onProcessor: readonly string[];
  /** Whether it takes the tiny model: the others know models by their sizes. */
  readonly takesTinyModel: boolean;
  /** What the head of a tab is in its page. */
  readonly tabRole: 'button' | 'tab';
  /** Where its page shows the model that it draws with. */
  readonly chosenModel: string;
  /**
   * What it prints when it frees its graphics memory; a progress bar may be in the same line. Null for
   * one that says nothing.
   */
  readonly freesMemory: RegExp | null;
}

const gradio3 = {
  tabRole: 'button',
  chosenModel: '#setting_sd_model_checkpoint input',
  freesMemory: /API .*\/unload-checkpoint /g,
} as const;

const noDownload = '--no-download-sd-model';
const forgeOnProcessor = ['--always-cpu', '--all-in-fp32', noDownload];

/** By the name that `erase-concept install` has for it. */
export const webUiKinds: Readonly<Record<string, WebUiKind>> = {
  AUTOMATIC1111: {
    ...gradio3,
    onProcessor: ['--use-cpu', 'all', '--no-half', '--precision', 'full', noDownload],
    takesTinyModel: true,
  },
  Forge: {
    tabRole: 'tab',
    chosenModel: '.model_selection input',
    // It notes no calls of its API, whatever its flags.
    freesMemory: /\[Unload\] Trying to free all memory/g,
    onProcessor: forgeOnProcessor,
    takesTinyModel: false,
  },
  'Forge Neo': {
    tabRole: 'tab',
    chosenModel: '#setting_sd_model_checkpoint input',
    freesMemory: null,
    // It wants a newer Python and a torch of its own choice.
    onProcessor: ['--cpu', '--force-fp32', '--skip-python-version-check', '--skip-version-check'],
    takesTinyModel: false,
  },
  reForge: { ...gradio3, onProcessor: forgeOnProcessor, takesTinyModel: false },
};
