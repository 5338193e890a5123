import type { ComponentChildren } from 'preact';
import { useId } from 'preact/hooks';

import type { JobRequest } from '../../routes/contract.ts';
import { defaultRules, usualDefaults } from '../../src/erase/default-settings.ts';
import { foreignSettings } from '../../src/erase/method-settings.ts';
import {
  baseSettings,
  changeMethod,
  defaultTrainSet,
  changeSettings,
  chosenPreset,
  form,
  method,
  type Settings,
} from '../form.ts';
import { canHostDraw, devices } from '../state.ts';

type NumberKey = {
  [K in keyof Settings]: Settings[K] extends number ? K : never;
}[keyof Settings];

interface NumberSetting {
  readonly key: NumberKey;
  readonly label: string;
  readonly help: string;
  readonly min: number;
  /** Of whole numbers; left out where any number will do. */
  readonly step?: number;
  /** What the sidecar takes where it watches otherwise than a command line does. */
  readonly base?: string;
}

const training: readonly NumberSetting[] = [
  {
    key: 'steps',
    label: 'Steps',
    help: 'More forget more thoroughly and take longer. Time grows in proportion.',
    min: 1,
    step: 1,
  },
  {
    key: 'learningRate',
    label: 'Learning rate',
    help: 'How far each step goes. Too high harms what is kept, too low forgets little.',
    min: 0,
  },
  {
    key: 'batch',
    label: 'Batch',
    help: 'Pictures in one step. More is steadier, and takes more memory and time.',
    min: 1,
    step: 1,
  },
  {
    key: 'accumulation',
    label: 'Batches of a step',
    help: 'Whose gradients are averaged. Fewer are faster, more are steadier.',
    min: 1,
    step: 1,
  },
  {
    key: 'size',
    label: 'Size in pixels',
    help: 'Width and height of the pictures trained on. Smaller takes far less memory and time.',
    min: 8,
    step: 8,
  },
];

const pictures: readonly NumberSetting[] = [
  {
    key: 'generatedForget',
    label: 'Pictures drawn to forget',
    help: 'By the model itself, where you gave none.',
    min: 1,
    step: 1,
  },
  {
    key: 'generatedRetain',
    label: 'Pictures drawn to keep',
    help: 'By the model itself, where you gave none. More protect more.',
    min: 1,
    step: 1,
  },
  {
    key: 'sampleEvery',
    label: 'Steps between previews',
    help: 'Samples from the same noise, to watch it forget. 0 for none; they take time.',
    min: 0,
    step: 1,
    base: 'an eighth of all',
  },
  {
    key: 'evaluationPictures',
    label: 'Pictures to compare',
    help: 'Of each prompt that both models draw at the end. 0 for no comparison.',
    min: 0,
    step: 1,
    base: '1',
  },
  {
    key: 'seed',
    label: 'Seed',
    help: 'The same seed repeats a run.',
    min: 0,
    step: 1,
  },
];

/** What only SISS has. */
const mixing: readonly NumberSetting[] = [
  {
    key: 'forgetNorm',
    label: 'Strength of forgetting',
    help: 'The norm that the gradient of forgetting is brought to. Higher forgets faster and harms more.',
    min: 0,
  },
  {
    key: 'firstTimestep',
    label: 'First timestep',
    help: 'Pictures are noised to this timestep, of 0 to 999, and later ones.',
    min: 0,
    step: 1,
  },
];

const methodNames: Readonly<Record<Settings['method'], string>> = {
  erasediff: 'EraseDiff: a concept',
  siss: 'SISS: the given pictures themselves',
};

const trainSetNames: Readonly<Record<Settings['train'], string>> = {
  xattn: 'Layers that read the prompt',
  'xattn-strict': 'Of those only keys and values (less memory)',
  full: 'All layers',
  noxattn: 'All but the layers that read the prompt',
  selfattn: 'Self-attention layers',
  notime: 'All but time and output layers',
};

const ruleNames: Readonly<Record<Settings['rule']['kind'], string>> = {
  constant: 'Constant',
  cosine: 'Cosine (the published code)',
  projection: 'Projection (the paper)',
};

/** Everything that has a good default, folded away. */
export function AdvancedSettings() {
  const changes = Object.keys(form.settings.value).length;
  return (
    <details class="advanced">
      <summary>
        Advanced settings{' '}
        {changes > 0 && (
          <span class="count">{changes === 1 ? '1 changed' : `${changes} changed`}</span>
        )}
      </summary>
      {chosenPreset.value?.settings && (
        <p class="help reason">{chosenPreset.value.settings.reason}</p>
      )}
      <div class="settings">
        <MethodField />
        <TrainSetField />
        <NumberFields settings={training} />
        {method.value === 'erasediff' && <RuleField />}
        <NumberFields settings={[...mixing, ...pictures]} />
        <PredictionField />
        {canHostDraw.value && <PicturesField />}
        <DeviceField />
      </div>
    </details>
  );
}

/** Those of them that the method has. */
function NumberFields({ settings }: { settings: readonly NumberSetting[] }) {
  const foreign = foreignSettings(method.value);
  return settings
    .filter(({ key }) => !foreign.includes(key))
    .map((setting) => <NumberField key={setting.key} setting={setting} />);
}

function NumberField({ setting }: { setting: NumberSetting }) {
  const { key, label, help, min, step } = setting;
  const isPreset = isOfPreset(key);
  const preset = baseSettings.value[key].toString();
  const base = isPreset ? preset : (setting.base ?? preset);
  return (
    <Field label={label} help={help} base={base} isPreset={isPreset}>
      {(id) => (
        <input
          id={id}
          type="number"
          min={min}
          step={step ?? 'any'}
          value={form.settings.value[key] ?? ''}
          placeholder={base}
          aria-describedby={`${id}-help`}
          onInput={({ currentTarget: { value, valueAsNumber } }) => {
            const number = value === '' || Number.isNaN(valueAsNumber) ? undefined : valueAsNumber;
            changeSettings({ [key]: number });
          }}
        />
      )}
    </Field>
  );
}

function MethodField() {
  const presetMethod = chosenPreset.value?.settings?.method;
  return (
    <SelectField
      label="Method"
      help="EraseDiff steers prompts to what you keep, for a concept, a style, an object. SISS unlearns single training pictures that come back as they were."
      names={methodNames}
      value={form.settings.value.method}
      base={presetMethod ?? usualDefaults.method}
      isPreset={presetMethod !== undefined}
      onValue={changeMethod}
    />
  );
}

function TrainSetField() {
  const presetTrain = chosenPreset.value?.settings?.train;
  const base = presetTrain ?? defaultTrainSet.value;
  return (
    <SelectField
      label="What is trained"
      help="Fewer layers keep more of the model as it is. What comes without being named (nudity, watermarks) is also held by layers that do not read the prompt."
      names={trainSetNames}
      value={form.settings.value.train}
      base={base}
      isPreset={presetTrain !== undefined}
      onValue={(train) => {
        changeSettings({ train });
      }}
    />
  );
}

const predictionNames: Readonly<Record<NonNullable<Settings['prediction']> | 'stated', string>> = {
  stated: 'As its files say',
  epsilon: 'Noise (epsilon)',
  v: 'v',
  'v-ztsnr': 'v, zero terminal SNR',
};

function PredictionField() {
  return (
    <SelectField
      label="What the model predicts"
      help="Trained as another kind, a model is ruined. Change it only where its files say nothing, or what is wrong."
      names={predictionNames}
      value={form.settings.value.prediction ?? undefined}
      base="stated"
      isPreset={false}
      onValue={(chosen) => {
        changeSettings({ prediction: chosen === 'stated' ? undefined : chosen });
      }}
    />
  );
}

function RuleField() {
  const base = baseSettings.value.rule.kind;
  return (
    <SelectField
      label="Weight of forgetting"
      help="How λ, the weight of forgetting against keeping, is found in each step."
      names={ruleNames}
      value={form.settings.value.rule?.kind}
      base={base}
      isPreset={isOfPreset('rule')}
      onValue={(kind) => {
        changeSettings({
          rule: kind && defaultRules[kind],
          // The other two rules measure the gap that inner steps open.
          innerSteps: kind === undefined || kind === 'constant' ? undefined : 1,
        });
      }}
    />
  );
}

const pictureDrawers: Readonly<Record<NonNullable<JobRequest['pictures']>, string>> = {
  auto: 'Whichever is faster',
  host: 'The web UI',
  sidecar: 'This program',
};

function PicturesField() {
  return (
    <SelectField
      label="Pictures are drawn by"
      help="Those to forget and to keep, where you gave none; who drew them also draws those to compare. The web UI draws as it does for you, with its own sampler, VAE and LoRAs in the prompts."
      names={pictureDrawers}
      value={form.pictures.value}
      base="auto"
      isPreset={false}
      onValue={(chosen) => {
        form.pictures.value = chosen ?? 'auto';
      }}
    />
  );
}

const deviceNames: Readonly<Record<NonNullable<JobRequest['device']>, string>> = {
  auto: 'The fastest that works',
  cpu: 'Processor (CPU)',
  webgpu: 'Graphics card (WebGPU)',
  cuda: 'NVIDIA graphics card (CUDA)',
  dml: 'Graphics card (DirectML)',
};

function DeviceField() {
  const preferred = devices.value?.find(({ isDefault }) => isDefault);
  const failed = (devices.value ?? []).filter(({ works }) => !works);
  const names = failed.map(({ device }) => deviceNames[device]).join(', ');
  return (
    <Field
      label="Device"
      help={names === '' ? '' : `Not working here: ${names}; “erase-concept doctor” says why.`}
      base={preferred ? deviceNames[preferred.device] : deviceNames.auto}
      isPreset={false}
    >
      {(id) => (
        <select
          id={id}
          value={form.device.value}
          aria-describedby={`${id}-help`}
          onChange={({ currentTarget }) => {
            form.device.value = currentTarget.value as NonNullable<JobRequest['device']>;
          }}
        >
          <option value="auto">{deviceNames.auto}</option>
          {devices.value?.map(({ device, works }) => (
            <option key={device} value={device} disabled={!works}>
              {deviceNames[device]}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

interface SelectFieldProps<T extends string> {
  readonly label: string;
  readonly help: string;
  readonly names: Readonly<Record<T, string>>;
  /** Undefined: as by default. */
  readonly value: T | undefined;
  readonly base: T;
  readonly isPreset: boolean;
  readonly onValue: (value: T | undefined) => void;
}

function SelectField<T extends string>(props: SelectFieldProps<T>) {
  const { label, help, names, value, base, isPreset, onValue } = props;
  return (
    <Field label={label} help={help} base={names[base]} isPreset={isPreset}>
      {(id) => (
        <select
          id={id}
          value={value ?? base}
          aria-describedby={`${id}-help`}
          onChange={({ currentTarget }) => {
            const chosen = currentTarget.value as T;
            onValue(chosen === base ? undefined : chosen);
          }}
        >
          {(Object.entries(names) as [T, string][]).map(([name, title]) => (
            <option key={name} value={name}>
              {title}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

interface FieldProps {
  readonly label: string;
  readonly help: string;
  /** What it is where nothing is chosen. */
  readonly base: string;
  readonly isPreset: boolean;
  readonly children: (id: string) => ComponentChildren;
}

function Field({ label, help, base, isPreset, children }: FieldProps) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children(id)}
      <p id={`${id}-help`} class="help">
        {help} {isPreset ? 'The preset’s:' : 'Default:'} {base}.
      </p>
    </div>
  );
}

function isOfPreset(key: Exclude<keyof Settings, 'prediction'>): boolean {
  return chosenPreset.value?.settings?.[key] !== undefined;
}
