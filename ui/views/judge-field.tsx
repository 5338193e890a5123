import { useId } from 'preact/hooks';

import { chosenPreset, form } from '../form.ts';
import { api } from '../api.ts';
import { judges, loadJudges } from '../state.ts';
import { GiveFile } from './give-file.tsx';
import { told } from '../languages/told.ts';
import { rich, t } from '../languages/words.ts';

/** A classifier that judges the result besides the model itself, and what it looks for. */
export function JudgeField() {
  const id = useId();
  const [chosen] = form.judges.value;
  const known = judges.value ?? [];
  const ofPreset = (chosenPreset.value?.judges ?? []).map(({ name }) => name).join(', ');
  return (
    <>
      <div class="field">
        <label for={id}>{t('Judge')}</label>
        <select
          id={id}
          value={chosen?.name ?? ''}
          aria-describedby={`${id}-help`}
          onChange={({ currentTarget: { value: name } }) => {
            form.judges.value = name === '' ? [] : [{ name, classes: [] }];
          }}
        >
          <option value="">
            {ofPreset === ''
              ? t('The model itself')
              : t('The preset’s: {names}', { names: ofPreset })}
          </option>
          {known.map(({ name, problem }) => (
            <option key={name} value={name} disabled={problem !== null}>
              {problem === null ? name : t('{name} (cannot be used)', { name })}
            </option>
          ))}
        </select>
        <p id={`${id}-help`} class="help">
          {rich(
            'A classifier of pictures that counts what is forgotten and what is kept, too: choose its <code>.onnx</code> file and its labels (<code>.txt</code>, a label a line, or <code>.json</code>) together.',
          )}{' '}
          {known.flatMap(({ name, problem }) =>
            problem === null ? [] : `${name}: ${told(problem)}. `,
          )}
        </p>
        <GiveFile
          title={t('Add a judge from this computer')}
          accept=".onnx,.txt,.json"
          multiple
          onFiles={giveJudge}
        />
      </div>
      {chosen && <ClassesField name={chosen.name} classes={chosen.classes} />}
    </>
  );
}

async function giveJudge(files: readonly File[]): Promise<void> {
  const file = files.find(({ name }) => /\.onnx$/i.test(name));
  const labels = files.find(({ name }) => /\.(txt|json)$/i.test(name));
  if (!file || !labels) {
    throw new Error(t('Choose both together: the .onnx file, and its labels as .txt or .json.'));
  }
  const { name } = await api.giveFiles('judges', { file, labels });
  await loadJudges();
  form.judges.value = [{ name, classes: [] }];
}

function ClassesField({ name, classes }: { name: string; classes: readonly string[] }) {
  const id = useId();
  const all = judges.value?.find((judge) => judge.name === name)?.classes ?? classes;
  return (
    <div class="field">
      <label for={id}>{t('What the judge looks for')}</label>
      <select
        id={id}
        multiple
        size={Math.min(6, all.length)}
        aria-describedby={`${id}-help`}
        onChange={({ currentTarget: { selectedOptions } }) => {
          const chosen = [...selectedOptions].map(({ value }) => value);
          form.judges.value = [{ name, classes: chosen }];
        }}
      >
        {all.map((label) => (
          <option key={label} value={label} selected={classes.includes(label)}>
            {label}
          </option>
        ))}
      </select>
      <p id={`${id}-help`} class="help">
        {t('Its classes that are the concept; hold Ctrl for several.')}
      </p>
    </div>
  );
}
