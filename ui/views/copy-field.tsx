import { useSignal } from '@preact/signals';
import { useRef } from 'preact/hooks';

import { announcement } from '../state.ts';
import { t } from '../languages/words.ts';

interface CopyFieldProps {
  /** What it is; the field's label. */
  readonly what: string;
  readonly text: string;
  /** What the button says. */
  readonly button: string;
}

/** A text that is needed elsewhere. */
export function CopyField({ what, text, button }: CopyFieldProps) {
  const field = useRef<HTMLInputElement>(null);
  const done = useSignal<{ readonly text: string; readonly words: string } | null>(null);
  const copy = async () => {
    field.current?.select();
    const isCopied = await writeToClipboard(text);
    const words = isCopied ? t('Copied') : t('Selected, now copy');
    done.value = { text, words };
    announcement.value = `${what}: ${words}`;
  };
  return (
    <div class="path">
      <input ref={field} readOnly value={text} aria-label={what} />
      <button type="button" class="button" onClick={() => void copy()}>
        {done.value?.text === text ? done.value.words : button}
      </button>
    </div>
  );
}

/** Pages over plain http from another machine have no clipboard; a frame's may be refused. */
async function writeToClipboard(text: string): Promise<boolean> {
  const clipboard = navigator.clipboard as Clipboard | undefined;
  if (!clipboard) return false;
  return clipboard.writeText(text).then(
    () => true,
    () => false,
  );
}
