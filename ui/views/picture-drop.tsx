import { type Signal, useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useId, useRef } from 'preact/hooks';

import type { Picture } from '../form.ts';

interface PictureDropProps {
  readonly title: string;
  readonly pictures: Signal<readonly Picture[]>;
  readonly children: ComponentChildren;
}

const accepted = ['image/png', 'image/jpeg', 'image/webp'];

/** A place to drop pictures on, or to choose them by; what lies in it with captions. */
export function PictureDrop({ title, pictures, children }: PictureDropProps) {
  const id = useId();
  const input = useRef<HTMLInputElement>(null);
  const isOver = useSignal(false);
  const refused = useSignal<readonly string[]>([]);
  const add = async (files: FileList | null | undefined) => {
    refused.value = await addFiles(pictures, [...(files ?? [])]);
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
        void add(event.dataTransfer?.files);
      }}
    >
      <p class="drop-head">
        <span>
          <b id={id}>{title}</b>{' '}
          {pictures.value.length > 0 && <span class="count">{pictures.value.length}</span>}
        </span>
        <button type="button" class="quiet" onClick={() => input.current?.click()}>
          Add pictures<span class="unseen"> to {title.toLowerCase()}</span>
        </button>
      </p>
      <input
        ref={input}
        type="file"
        multiple
        hidden
        accept={[...accepted, '.txt'].join(',')}
        aria-label={title}
        onChange={({ currentTarget }) => {
          void add(currentTarget.files).then(() => (currentTarget.value = ''));
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
          Not taken, as they are no PNG, JPEG or WebP: {refused.value.join(', ')}.
        </p>
      )}
      <p class="help">
        {children} Drop PNG, JPEG or WebP here; <code>NAME.txt</code> beside <code>NAME.png</code>{' '}
        is its caption.
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
        placeholder="What it shows"
        aria-label={`Caption of ${name}`}
        onInput={({ currentTarget }) => {
          const changed = { ...picture, caption: currentTarget.value };
          pictures.value = pictures.value.map((other) => (other.name === name ? changed : other));
        }}
      />
      <button
        type="button"
        class="remove"
        aria-label={`Remove ${name}`}
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

/** @returns the names of those that are not taken */
async function addFiles(
  pictures: Signal<readonly Picture[]>,
  files: readonly File[],
): Promise<string[]> {
  const texts = files.filter(({ name }) => name.toLowerCase().endsWith('.txt'));
  const captions = new Map<string, string>();
  for (const file of texts) captions.set(stem(file.name), (await file.text()).trim());
  const images = files.filter(({ type }) => accepted.includes(type));
  let all = [...pictures.value];
  for (const file of images) {
    const name = freeName(
      file.name,
      all.map((picture) => picture.name),
    );
    all.push({ file, name, caption: '', url: URL.createObjectURL(file) });
  }
  all = all.map((picture) => ({
    ...picture,
    caption: captions.get(stem(picture.file.name)) ?? picture.caption,
  }));
  pictures.value = all;
  return files
    .filter((file) => !texts.includes(file) && !images.includes(file))
    .map(({ name }) => name);
}

const stem = (name: string) => name.replace(/\.[^.]*$/, '');

/** Captions go by name, so two pictures must not share one. */
function freeName(name: string, taken: readonly string[]): string {
  let free = name;
  for (let number = 2; taken.includes(free); number++) {
    free = name.replace(/(\.[^.]*)?$/, ` (${number})$1`);
  }
  return free;
}
