import { useId } from 'preact/hooks';

import { chosenPreset, form } from '../form.ts';
import { judges } from '../state.ts';

/** A classifier that judges the result besides the model itself, and what it looks for. */
export function JudgeField() {
  const id = useId();
  const [chosen] = form.judges.value;
  const known = judges.value ?? [];
  const ofPreset = (chosenPreset.value?.judges ?? []).map(({ name }) => name).join(', ');
  return (
    <>
      <div class="field">
        <label for={id}>Judge</label>
        <select
          id={id}
          value={chosen?.name ?? ''}
          aria-describedby={`${id}-help`}
          onChange={({ currentTarget: { value: name } }) => {
            form.judges.value = name === '' ? [] : [{ name, classes: [] }];
          }}
        >
          <option value="">
            {ofPreset === '' ? 'The model itself' : `The preset’s: ${ofPreset}`}
          </option>
          {known.map(({ name, problem }) => (
            <option key={name} value={name} disabled={problem !== null}>
              {name}
              {problem === null ? '' : ' (cannot be used)'}
            </option>
          ))}
        </select>
        <p id={`${id}-help`} class="help">
          A classifier of pictures that counts what is forgotten and what is kept, too. Yours are
          those in the folder <code>judges</code> of the data folder: <code>NAME.onnx</code> and its
          labels, <code>NAME.txt</code>.{' '}
          {known.flatMap(({ name, problem }) => (problem === null ? [] : `${name}: ${problem}. `))}
        </p>
      </div>
      {chosen && <ClassesField name={chosen.name} classes={chosen.classes} />}
    </>
  );
}

function ClassesField({ name, classes }: { name: string; classes: readonly string[] }) {
  const id = useId();
  const all = judges.value?.find((judge) => judge.name === name)?.classes ?? classes;
  return (
    <div class="field">
      <label for={id}>What the judge looks for</label>
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
        Its classes that are the concept; hold Ctrl for several.
      </p>
    </div>
  );
}
