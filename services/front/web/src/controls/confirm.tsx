/** A question before something that cannot be undone, in the browser's own modal dialog: focus stays in it, Escape leaves it. */
import { useEffect, useId, useRef, useState } from 'react';
import type { ReactNode } from 'react';
import { explain } from '../api/explain.ts';
import { useWords } from '../state/preferences.ts';

interface ConfirmProps {
  readonly title: string;
  readonly body: string;
  readonly confirm: string;
  readonly onClose: () => void;
  /** The dialog closes when it resolves, and shows what went wrong when it rejects. */
  readonly onConfirm: () => Promise<void>;
  readonly children?: ReactNode;
}

export function Confirm({ title, body, confirm, onClose, onConfirm, children }: ConfirmProps) {
  const words = useWords();
  const id = useId();
  const dialog = useRef<HTMLDialogElement>(null);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);

  useEffect(() => {
    dialog.current?.showModal();
  }, []);

  const act = async () => {
    setBusy(true);
    setError(null);
    try {
      await onConfirm();
      dialog.current?.close();
    } catch (thrown) {
      setError(thrown);
      setBusy(false);
    }
  };

  return (
    <dialog ref={dialog} aria-labelledby={`${id}-title`} aria-describedby={`${id}-body`} onClose={onClose}>
      <form
        method="dialog"
        onSubmit={(event) => {
          event.preventDefault();
          if (!busy) void act();
        }}
      >
        <h2 id={`${id}-title`}>{title}</h2>
        <p id={`${id}-body`}>{body}</p>
        {children}
        <p className="field-error" role="alert">
          {error === null ? null : explain(error, words)}
        </p>
        <div className="actions end">
          <button type="button" onClick={() => dialog.current?.close()}>
            {words.cancel}
          </button>
          <button type="submit" className="danger" aria-disabled={busy}>
            {confirm}
          </button>
        </div>
      </form>
    </dialog>
  );
}
