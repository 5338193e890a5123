import type { ComponentChildren } from 'preact';
import { useId } from 'preact/hooks';

import type { JobRequest } from '../../src/contract/requests.ts';
import { defaultMethod, type WantedSettings } from '../../src/methods/registry.ts';
import { predictionChoices, predictionWishes } from '../../src/diffusion/prediction-reading.ts';
import {
  type ChoiceForm,
  type NumberForm,
  type SettingForm,
  type TextForm,
  type VariantForm,
  wordOf,
} from '../../src/methods/setting-form.ts';
import {
  baseSettings,
  changeMethod,
  decidingDefaults,
  changeSettings,
  chosenPreset,
  form,
  method,
} from '../form.ts';
import { deviceTitle } from '../device-title.ts';
import { canHostDraw, devices, manifest } from '../state.ts';
import { JudgeField } from './judge-field.tsx';
import type { Text } from '../languages/language.ts';
import { told } from '../languages/told.ts';
import { t } from '../languages/words.ts';

const groups = ['training', 'drawing', 'pictures', 'watching'] as const;

/** What the sidecar takes where it watches otherwise than a command line does. */
const sidecarDefaults: Readonly<Record<string, Text | undefined>> = {
  sampleEvery: 'an eighth of all',
};

/** Everything that has a good default, folded away. */
export function AdvancedSettings() {
  const changes = Object.keys(form.settings.value).length;
  const settings = manifest.value?.methods.find(({ id }) => id === method.value)?.settings ?? [];
  return (
    <details class="advanced">
      <summary>
        {t('Advanced settings')}{' '}
        {changes > 0 && (
          <span class="count">
            {t('{count, plural, one {# changed} other {# changed}}', { count: changes })}
          </span>
        )}
      </summary>
      {chosenPreset.value?.settings && (
        <p class="help reason">{told(chosenPreset.value.settings.reason)}</p>
      )}
      <div class="settings">
        <MethodField />
        {groups.flatMap((group) =>
          settings
            .filter((setting) => setting.group === group && !setting.isRare)
            .map((setting) => <SettingField key={setting.name} setting={setting} />),
        )}
        <PredictionField />
        <JudgeField />
        {canHostDraw.value && <PicturesField />}
        <DeviceField />
      </div>
    </details>
  );
}

function SettingField({ setting }: { setting: SettingForm }) {
  const { value } = setting;
  if (value.kind === 'number') return <NumberField setting={setting} value={value} />;
  if (value.kind === 'text') return <TextField setting={setting} value={value} />;
  return <ChoiceField setting={setting} value={value} />;
}

/** Words that stand in the field as they are by default: none is a choice as well. */
function TextField({ setting, value }: { setting: SettingForm; value: TextForm }) {
  const { name, title, description } = setting;
  const base = valueIn(baseSettings.value, name) as string;
  const own = valueIn(form.settings.value, name) as string | undefined;
  return (
    <Field
      label={told(title)}
      help={told(description)}
      base={told(wordOf(base))}
      isPreset={isOfPreset(name)}
    >
      {(id) => (
        <input
          id={id}
          type="text"
          maxLength={value.maxLength}
          value={own ?? base}
          aria-describedby={`${id}-help`}
          onInput={({ currentTarget: { value: text } }) => {
            changeSettings({ [name]: text === base ? undefined : text });
          }}
        />
      )}
    </Field>
  );
}

function NumberField({ setting, value }: { setting: SettingForm; value: NumberForm }) {
  const { name, title, description, unit } = setting;
  const isPreset = isOfPreset(name);
  const own = valueIn(form.settings.value, name);
  const preset = wordOf(valueIn(baseSettings.value, name));
  const usual = sidecarDefaults[name];
  const isUsual = usual !== undefined && !isPreset;
  const base = isUsual ? t(usual) : told(preset);
  const isCounted = unit !== null && !isUsual && /^\d/.test(preset);
  return (
    <Field
      label={told(title)}
      help={told(description)}
      base={isCounted ? `${base} ${told(unit)}` : base}
      isPreset={isPreset}
    >
      {(id) => (
        <input
          id={id}
          type="number"
          min={value.minimum}
          step={value.multipleOf ?? (value.isWhole ? 1 : 'any')}
          value={own === undefined ? '' : wordOf(own)}
          placeholder={base}
          aria-describedby={`${id}-help`}
          onInput={({ currentTarget: { value: text, valueAsNumber } }) => {
            const number = text === '' || Number.isNaN(valueAsNumber) ? undefined : valueAsNumber;
            changeSettings({ [name]: number });
          }}
        />
      )}
    </Field>
  );
}

/** A setting with a value of its own for each choice: the value itself, or an object of that kind. */
function ChoiceField({
  setting,
  value,
}: {
  setting: SettingForm;
  value: ChoiceForm | VariantForm;
}) {
  const { name, title, description } = setting;
  const chosen = valueIn(form.settings.value, name);
  // What decides the defaults of others has its own, not read from among those that it decides.
  const deciding = isOfPreset(name) ? undefined : valueIn(decidingDefaults.value, name);
  const base = deciding ?? valueIn(baseSettings.value, name);
  return (
    <SelectField
      label={told(title)}
      help={told(description)}
      names={toldAll(value.choices)}
      value={chosen === undefined ? undefined : wordOf(chosen)}
      base={wordOf(base)}
      isPreset={isOfPreset(name)}
      onValue={(kind) => {
        const isObject = value.kind === 'variant' && kind !== undefined;
        changeSettings({ [name]: isObject ? firstOfKind(value, kind) : kind });
      }}
    />
  );
}

function PredictionField() {
  return (
    <SelectField<string>
      label={t('What the model predicts')}
      help={t(
        'Trained as another kind, a model is ruined. Change it only where its files say nothing, or what is wrong.',
      )}
      names={{ stated: t('As its files say'), ...toldAll(predictionChoices) }}
      value={form.settings.value.prediction ?? undefined}
      base="stated"
      isPreset={false}
      onValue={(chosen) => {
        changeSettings({ prediction: predictionWishes.find((wish) => wish === chosen) });
      }}
    />
  );
}

/** The first variant of a kind, with all that it leaves to its defaults. */
function firstOfKind({ variants }: VariantForm, kind: string): Readonly<Record<string, string>> {
  const found = variants.find(({ constants }) => constants.kind === kind);
  return found?.constants ?? { kind };
}

function MethodField() {
  const presetMethod = chosenPreset.value?.settings?.method;
  const all = manifest.value?.methods ?? [];
  return (
    <SelectField<string>
      label={t('Method')}
      help={all.map(({ help }) => told(help)).join(' ')}
      names={Object.fromEntries(all.map(({ id, choice }) => [id, told(choice)]))}
      value={form.settings.value.method}
      base={presetMethod ?? defaultMethod}
      isPreset={presetMethod !== undefined}
      onValue={(chosen) => {
        changeMethod(all.find(({ id }) => id === chosen)?.id);
      }}
    />
  );
}

const pictureDrawers: Readonly<Record<NonNullable<JobRequest['pictures']>, Text>> = {
  auto: 'Whichever is faster',
  host: 'The web UI',
  sidecar: 'This program',
};

function PicturesField() {
  return (
    <SelectField
      label={t('Pictures are drawn by')}
      help={t(
        'Those to forget and to keep, where you gave none; who drew them also draws those to compare. The web UI draws as it does for you, with its own sampler, VAE and LoRAs in the prompts.',
      )}
      names={{
        auto: t(pictureDrawers.auto),
        host: t(pictureDrawers.host),
        sidecar: t(pictureDrawers.sidecar),
      }}
      value={form.pictures.value}
      base="auto"
      isPreset={false}
      onValue={(chosen) => {
        form.pictures.value = chosen ?? 'auto';
      }}
    />
  );
}

function DeviceField() {
  const preferred = devices.value?.find(({ isDefault }) => isDefault);
  const failed = (devices.value ?? []).filter(({ works }) => !works);
  const fastest = t('The fastest that works');
  const names = failed.map(({ device }) => deviceTitle(device)).join(', ');
  return (
    <Field
      label={t('Device')}
      help={
        names === ''
          ? ''
          : t('Not working here: {names}; “erase-concept doctor” says why.', { names })
      }
      base={preferred ? deviceTitle(preferred.device) : fastest}
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
          <option value="auto">{fastest}</option>
          {devices.value?.map(({ device, works }) => (
            <option key={device} value={device} disabled={!works}>
              {deviceTitle(device)}
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
        {help}{' '}
        {isPreset
          ? t('The preset’s: {value}.', { value: base })
          : t('Default: {value}.', { value: base })}
      </p>
    </div>
  );
}

function isOfPreset(name: string): boolean {
  return valueIn({ ...chosenPreset.value?.settings }, name) !== undefined;
}

/** Choices in the page's words. */
function toldAll<T extends string>(choices: Readonly<Record<T, string>>): Record<T, string> {
  const entries = Object.entries<string>(choices).map(([name, title]) => [name, told(title)]);
  return Object.fromEntries(entries) as Record<T, string>;
}

/** A setting by its name, which may be another method's. */
function valueIn(settings: WantedSettings, name: string): unknown {
  return (settings as Readonly<Record<string, unknown>>)[name];
}
