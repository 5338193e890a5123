import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef } from 'preact/hooks';
import { t } from '../languages/words.ts';
import { useAction } from './use-action.ts';

interface DialogButtonProps {
  /** What the button says that opens the dialog. */
  readonly label: string;
  readonly title: string;
  /** What the dialog's own button says. */
  readonly confirm: string;
  /** What that does; the dialog closes once it is done, and stays with the reason where it fails. */
  readonly work: () => Promise<void>;
  readonly children: ComponentChildren;
}

/** A button that asks before something is done; however the dialog ends, the focus comes back to it. */
export function DialogButton({ label, title, confirm, work, children }: DialogButtonProps) {
  const isOpen = useSignal(false);
  const opener = useRef<HTMLButtonElement>(null);
  const close = () => {
    isOpen.value = false;
    opener.current?.focus();
  };
  const action = useAction(async () => {
    await work();
    close();
  });
  return (
    <>
      <button ref={opener} type="button" class="button" onClick={() => (isOpen.value = true)}>
        {label}
      </button>
      {isOpen.value && (
        <Dialog
          title={title}
          confirm={confirm}
          isBusy={action.isBusy}
          error={action.error}
          onConfirm={action.run}
          onClose={close}
        >
          {children}
        </Dialog>
      )}
    </>
  );
}

interface DialogProps {
  readonly title: string;
  readonly confirm: string;
  readonly isBusy: boolean;
  readonly error: string | null;
  readonly onConfirm: () => void;
  readonly onClose: () => void;
  readonly children: ComponentChildren;
}

/** Escape and Cancel close it. */
function Dialog(props: DialogProps) {
  const { title, confirm, isBusy, error, onConfirm, onClose, children } = props;
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    dialog.current?.showModal();
  }, []);
  return (
    <dialog ref={dialog} aria-labelledby={id} onClose={onClose}>
      <form
        method="dialog"
        onSubmit={(event) => {
          event.preventDefault();
          onConfirm();
        }}
      >
        <h2 id={id}>{title}</h2>
        {children}
        {error !== null && (
          <p class="problem" role="alert">
            {error}
          </p>
        )}
        <div class="actions">
          <button type="button" class="button" onClick={() => dialog.current?.close()}>
            {t('Cancel')}
          </button>
          <button type="submit" class="button primary" aria-disabled={isBusy}>
            {confirm}
          </button>
        </div>
      </form>
    </dialog>
  );
}
