import { defineConfig, globalIgnores } from 'eslint/config';
import importX from 'eslint-plugin-import-x';
import tseslint from 'typescript-eslint';

/** Which folder of src may import which: the arrows of the architecture, checked at every lint. */
const zone = (target, ...from) => ({
  target: `./src/${target}`,
  from: from.map((folder) => `./src/${folder}`),
  message: `src/${target} must not know about ${from.join(', ')}`,
});
const app = ['families', 'pipeline', 'erase', 'jobs', 'hosts', 'cli'];

export default defineConfig(
  globalIgnores(['dist', 'src/onnx/proto', 'demo-output', 'data', '**/*.py', '**/.venv']),
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
      'import-x/no-cycle': ['error', { ignoreExternal: true }],
      'import-x/no-default-export': 'error',
      'import-x/no-restricted-paths': [
        'error',
        {
          zones: [
            zone(
              'tensor',
              'checkpoint',
              'onnx',
              'autodiff',
              'models',
              'runtime',
              'diffusion',
              ...app,
            ),
            zone('onnx', 'checkpoint', 'autodiff', 'models', 'runtime', 'diffusion', ...app),
            zone('checkpoint', 'onnx', 'autodiff', 'models', 'runtime', 'diffusion', ...app),
            zone('autodiff', 'checkpoint', 'models', 'runtime', 'diffusion', ...app),
            zone('models', 'autodiff', 'runtime', 'diffusion', ...app),
            zone('runtime', 'autodiff', 'models', 'diffusion', ...app),
            zone('diffusion', 'checkpoint', 'autodiff', 'models', 'runtime', ...app),
            zone('families', 'pipeline', 'methods', 'training', 'erase', 'jobs', 'hosts', 'cli'),
            zone('pipeline', 'methods', 'training', 'erase', 'jobs', 'hosts', 'cli'),
            zone('erase', 'jobs', 'hosts', 'cli'),
            zone('evaluation', 'jobs', 'hosts', 'cli', 'report'),
            {
              target: ['cli', 'demo', 'descent', 'erase', 'evaluation', 'hosts', 'jobs', 'pipeline']
                .concat('report', 'training')
                .map((folder) => `./src/${folder}`),
              from: './src/families/stable-diffusion',
              except: ['./prediction/reading.ts'],
              message:
                'What a family does otherwise is asked of its Model: src/families/family.ts.',
            },
            {
              target: './ui',
              from: './src',
              except: [
                './images/captions.ts',
                './images/image-format.ts',
                './erase/fill-template.ts',
                './erase/forget-lines.ts',
                './methods/registry.ts',
                './methods/setting-form.ts',
                './methods/settings-fields.ts',
                './families/stable-diffusion/prediction/reading.ts',
                './format-bytes.ts',
                './format.ts',
                './report/describe-figure.ts',
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
              group: ['**/routes/*'],
              allowTypeImports: true,
              message: 'Types only: what validates runs on the server.',
            },
          ],
        },
      ],
    },
  },
  { files: ['*.config.ts'], rules: { 'import-x/no-default-export': 'off' } },
);
