import { api } from '../api.ts';
import { companions, vaeFor } from '../companions.ts';
import { chosenModel } from '../form.ts';
import { vaes } from '../state.ts';
import { GiveFile } from './give-file.tsx';
import { t } from '../languages/words.ts';

/** What draws the pictures: of a model that has no VAE one of a list, of others their own or one of it. */
export function VaeField() {
  const model = chosenModel.value;
  const isMissing = model?.hasVae === false;
  const known = vaes.value ?? [];
  const chosen = vaeFor(model);
  const names = known.map(({ name }) => name);
  return (
    <div class="field">
      <label for="vae">VAE</label>
      <select
        id="vae"
        value={chosen?.name ?? ''}
        aria-describedby="vae-help"
        onChange={({ currentTarget: { value } }) => {
          companions.vae.value = value === '' ? null : value;
        }}
      >
        {(!isMissing || chosen === null) && (
          <option value="">{isMissing ? t('Choose one') : t('The model’s own')}</option>
        )}
        {/* That of an earlier job is there before the list is read. */}
        {chosen && !names.includes(chosen.name) && (
          <option value={chosen.name}>{chosen.name}</option>
        )}
        {known.map(({ name, isChosen }) => (
          <option key={name} value={name}>
            {isChosen ? t('{name} (in use)', { name }) : name}
          </option>
        ))}
      </select>
      <p id="vae-help" class="help">
        {helpFor(isMissing, known.length)}
      </p>
      <GiveFile
        title={t('Add a VAE from this computer')}
        accept=".safetensors,.pt,.ckpt,.bin"
        onFiles={async ([file]) => {
          if (!file) return;
          const { name } = await api.giveFiles('vaes', { file });
          vaes.value = await api.vaes();
          companions.vae.value = name;
        }}
      />
    </div>
  );
}

function helpFor(isMissing: boolean, count: number): string {
  if (!isMissing) {
    return t('Another one draws and judges in its place; the result keeps its own.');
  }
  return count === 0
    ? t(
        'The model has none, and there is none to choose: add the one that you draw with, or put it where the web UI keeps its VAEs, then reload this page.',
      )
    : t(
        'The model has none. Its pictures are drawn with this one; the result is without one, too.',
      );
}
