import { useSignal } from '@preact/signals';
import { useRef } from 'preact/hooks';

import { announcement } from '../state.ts';

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
  const copied = useSignal<string | null>(null);
  const copy = async () => {
    field.current?.select();
    // Not there where the page comes over plain http from another machine: then it is selected.
    await (navigator.clipboard as Clipboard | undefined)?.writeText(text);
    copied.value = text;
    announcement.value = `${what}: copied`;
  };
  return (
    <div class="path">
      <input ref={field} readOnly value={text} aria-label={what} />
      <button type="button" class="button" onClick={() => void copy()}>
        {copied.value === text ? 'Copied' : button}
      </button>
    </div>
  );
}
