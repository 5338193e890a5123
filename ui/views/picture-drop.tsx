import { type Signal, useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useId, useRef } from 'preact/hooks';

import { captionEndings } from '../../src/images/captions.ts';
import { imageEndings } from '../../src/images/image-format.ts';
import type { Picture } from '../picture.ts';
import { addFiles, droppedFiles, type FileGroup, imageTypes } from '../picture-files.ts';
import { rich, t } from '../languages/words.ts';

interface PictureDropProps {
  readonly title: string;
  readonly pictures: Signal<readonly Picture[]>;
  readonly children: ComponentChildren;
}

const accepted = [...imageTypes, ...imageEndings, ...captionEndings];

/** A place to drop pictures on, or to choose them by; what lies in it with captions. */
export function PictureDrop({ title, pictures, children }: PictureDropProps) {
  const id = useId();
  const input = useRef<HTMLInputElement>(null);
  const isOver = useSignal(false);
  const refused = useSignal<readonly string[]>([]);
  const add = async (groups: readonly FileGroup[]) => {
    refused.value = await addFiles(pictures, groups);
  };
  return (
    <div
      class={isOver.value ? 'drop over' : 'drop'}
      role="group"
      aria-labelledby={id}
      onDragOver={(event) => {
        event.preventDefault();
        isOver.value = true;
      }}
      onDragLeave={() => (isOver.value = false)}
      onDrop={(event) => {
        event.preventDefault();
        isOver.value = false;
        if (!event.dataTransfer) return;
        void droppedFiles(event.dataTransfer).then(add, () => {
          refused.value = [t('the browser may not read what was dropped.')];
        });
      }}
    >
      <p class="drop-head">
        <span>
          <b id={id}>{title}</b>{' '}
          {pictures.value.length > 0 && <span class="count">{pictures.value.length}</span>}
        </span>
        <button type="button" class="quiet" onClick={() => input.current?.click()}>
          {t('Add pictures')}
          <span class="unseen">: {title}</span>
        </button>
      </p>
      <input
        ref={input}
        type="file"
        multiple
        hidden
        accept={accepted.join(',')}
        aria-label={title}
        onChange={({ currentTarget }) => {
          void add([[...(currentTarget.files ?? [])]]).then(() => (currentTarget.value = ''));
        }}
      />
      {pictures.value.length > 0 && (
        <ul class="thumbnails">
          {pictures.value.map((picture) => (
            <Thumbnail key={picture.name} picture={picture} pictures={pictures} />
          ))}
        </ul>
      )}
      {refused.value.length > 0 && (
        <p class="problem" role="alert">
          {t('Not taken: {files}', { files: refused.value.join(' ') })}
        </p>
      )}
      <p class="help">
        {children}{' '}
        {rich(
          'Drop PNG, JPEG or WebP here, or folders of them; <code>NAME.txt</code> (or <code>.caption</code>, <code>.json</code>) beside <code>NAME.png</code> is its caption.',
        )}
      </p>
    </div>
  );
}

function Thumbnail({
  picture,
  pictures,
}: {
  picture: Picture;
  pictures: Signal<readonly Picture[]>;
}) {
  const { name, url, caption } = picture;
  return (
    <li>
      <img src={url} alt="" />
      <input
        value={caption}
        placeholder={t('What it shows')}
        aria-label={t('Caption of {name}', { name })}
        onInput={({ currentTarget }) => {
          const changed = { ...picture, caption: currentTarget.value };
          pictures.value = pictures.value.map((other) => (other.name === name ? changed : other));
        }}
      />
      <button
        type="button"
        class="remove"
        aria-label={t('Remove {name}', { name })}
        onClick={(event) => {
          focusNeighbour(event.currentTarget);
          URL.revokeObjectURL(url);
          pictures.value = pictures.value.filter((other) => other.name !== name);
        }}
      >
        <span aria-hidden="true">×</span>
      </button>
    </li>
  );
}

/** The focus must not be lost with the button that is removed. */
function focusNeighbour(button: HTMLButtonElement): void {
  const item = button.closest('li');
  const next = item?.nextElementSibling ?? item?.previousElementSibling;
  const target = next?.querySelector('button') ?? button.closest('.drop')?.querySelector('button');
  target?.focus();
}
