import { useId, useRef } from 'preact/hooks';

import { useAction } from './use-action.ts';
import { t } from '../languages/words.ts';

interface GiveFileProps {
  /** What its button says: `Add a LoRA from this computer`. */
  readonly title: string;
  /** Endings, as an input of files takes them. */
  readonly accept: string;
  /** Whether several may be chosen at once. */
  readonly multiple?: boolean;
  readonly onFiles: (files: readonly File[]) => Promise<void>;
}

/** A button that sends files of the person's computer to the server. */
export function GiveFile({ title, accept, multiple = false, onFiles }: GiveFileProps) {
  const id = useId();
  const input = useRef<HTMLInputElement>(null);
  const chosen = useRef<readonly File[]>([]);
  const give = useAction(() => onFiles(chosen.current));
  return (
    <>
      <button
        type="button"
        class="quiet give-file"
        aria-disabled={give.isBusy}
        aria-describedby={give.error === null ? undefined : id}
        onClick={() => {
          if (!give.isBusy) input.current?.click();
        }}
      >
        {give.isBusy ? t('Sending …') : title}
      </button>
      <input
        ref={input}
        type="file"
        hidden
        accept={accept}
        multiple={multiple}
        aria-label={title}
        onChange={({ currentTarget }) => {
          chosen.current = [...(currentTarget.files ?? [])];
          // So that the same file can be chosen again after it was refused.
          currentTarget.value = '';
          if (chosen.current.length > 0) give.run();
        }}
      />
      {give.error !== null && (
        <p id={id} class="problem" role="alert">
          {give.error}
        </p>
      )}
    </>
  );
}
