import { defineConfig, globalIgnores } from 'eslint/config';
import importX from 'eslint-plugin-import-x';
import tseslint from 'typescript-eslint';

/**
 * The folders of src from the lowest layer to the highest: each may import what lies below it and
 * beside it, never what lies above. `docs/architecture.md` draws it.
 */
const layers = [
  ['tensor', 'diffusion', 'images', 'tokenizer', 'install'],
  ['onnx', 'checkpoint', 'processes'],
  ['autodiff', 'models', 'optim', 'runtime'],
  ['families'],
  ['pipeline', 'drawing'],
  ['descent', 'evaluation'],
  ['methods', 'training', 'erase'],
  ['attacks'],
  ['presets', 'hosts'],
  ['contract'],
  ['report'],
  ['jobs'],
  ['cli'],
  ['demo'],
];

const zone = (target, from) => ({
  target: `./src/${target}`,
  from: from.map((folder) => `./src/${folder}`),
  message: `src/${target} must not know about ${from.join(', ')}`,
});

const layerZones = layers
  .slice(0, -1)
  .flatMap((folders, level) =>
    folders.map((folder) => zone(folder, layers.slice(level + 1).flat())),
  );

/** Folders of one layer that have nothing to do with each other. */
const strangers = [
  zone('onnx', ['checkpoint', 'processes']),
  zone('checkpoint', ['onnx']),
  zone('autodiff', ['models', 'optim', 'runtime', 'checkpoint']),
  zone('models', ['autodiff', 'optim', 'runtime']),
  zone('optim', ['autodiff', 'models', 'runtime', 'checkpoint']),
  zone('runtime', ['autodiff', 'models', 'optim']),
  zone('diffusion', ['tensor', 'images', 'tokenizer', 'install']),
  zone('descent', ['evaluation']),
  zone('evaluation', ['descent']),
  zone('methods', ['erase']),
  zone('hosts', ['presets']),
  zone('presets', ['hosts']),
];

export default defineConfig(
  globalIgnores(['dist', 'docs', 'src/onnx/proto', 'demo-output', 'data', '**/*.py', '**/.venv']),
  {
    files: ['**/*.{ts,tsx}'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    plugins: { 'import-x': importX },
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    settings: {
      'import-x/extensions': ['.ts', '.tsx'],
      'import-x/parsers': { '@typescript-eslint/parser': ['.ts', '.tsx'] },
    },
    rules: {
      // How an object is copied without some of its properties.
      '@typescript-eslint/no-unused-vars': ['error', { ignoreRestSiblings: true }],
      'import-x/no-default-export': 'error',
      'import-x/no-restricted-paths': [
        'error',
        {
          zones: [
            ...layerZones,
            ...strangers,
            {
              target: ['./src/*/**', './src/!(app).ts'],
              from: './routes',
              message: 'Only src/app.ts knows about routes.',
            },
            {
              target: [
                'cli',
                'demo',
                'descent',
                'drawing',
                'erase',
                'evaluation',
                'hosts',
                'jobs',
                'methods',
                'pipeline',
              ]
                .concat('contract', 'report', 'training')
                .map((folder) => `./src/${folder}`),
              from: './src/families/stable-diffusion',
              message:
                'What a family does otherwise is asked of its Model: src/families/family.ts.',
            },
            {
              target: ['./src/jobs/!(backends).ts', './src/jobs/!(local|redis)/**'],
              from: './src/jobs/local',
              message: 'Jobs are reached through src/jobs/ports.ts.',
            },
            {
              target: './ui',
              from: './src',
              except: [
                './contract',
                './attacks/attack-defaults.ts',
                './drawing/describe-drawing.ts',
                './drawing/drawing.ts',
                './drawing/drawing-guess.ts',
                './images/captions.ts',
                './images/image-format.ts',
                './images/picture-size.ts',
                './erase/concepts.ts',
                './erase/fill-template.ts',
                './erase/forget-lines.ts',
                './erase/new-steps.ts',
                './erase/picture-shapes.ts',
                './erase/spread.ts',
                './evaluation/picture-group.ts',
                './evaluation/worst-first.ts',
                './methods/registry.ts',
                './methods/setting-form.ts',
                './methods/settings-fields.ts',
                './diffusion/prediction-reading.ts',
                './lora-tag.ts',
                './strengths.ts',
                './presets/preset-words.ts',
                './remedy.ts',
                './report/describe-concepts.ts',
              ],
              message: 'The page takes from src only what is pure and small.',
            },
          ],
        },
      ],
      'no-restricted-imports': [
        'error',
        { name: 'onnxruntime-node', message: 'Only src/runtime talks to onnxruntime-node.' },
      ],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      'max-lines': ['error', { max: 500, skipBlankLines: true }],
      'max-lines-per-function': ['error', 80],
      complexity: ['error', 12],
      'max-params': ['error', 4],
    },
  },
  { files: ['src/runtime/**'], rules: { 'no-restricted-imports': 'off' } },
  {
    files: ['test/**/*.ts'],
    rules: {
      'max-lines-per-function': 'off',
      'no-restricted-imports': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
    },
  },
  {
    files: ['ui/**'],
    rules: {
      '@typescript-eslint/no-restricted-imports': [
        'error',
        {
          patterns: [
            {
              group: ['**/contract/*'],
              allowTypeImports: true,
              message: 'Types only: what validates runs on the server.',
            },
          ],
        },
      ],
    },
  },
  {
    files: ['*.config.ts'],
    rules: { 'import-x/no-default-export': 'off' },
  },
);
