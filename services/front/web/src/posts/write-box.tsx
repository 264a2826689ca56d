/** Where one writes: a post, a comment, a change of a post. Counts as the service counts, keeps a draft, sends by button or Ctrl+Enter. */
import { useId, useRef, useState } from 'react';
import type { ReactNode } from 'react';
import { codePoints, mayBeSent, sendable, TEXT_MAX } from '../../../src/domain/written-text.ts';
import { explain } from '../api/explain.ts';
import { useWords } from '../state/preferences.ts';

interface WriteBoxProps {
  readonly label: string;
  readonly placeholder: string;
  readonly submit: string;
  readonly submitting: string;
  /** What is written so far survives going elsewhere and coming back, under this name. */
  readonly draftName: string;
  readonly initial?: string;
  readonly compact?: boolean;
  readonly focusFirst?: boolean;
  /** The box empties when it resolves, and keeps the text and says why when it rejects. */
  readonly onSubmit: (text: string) => Promise<void>;
  readonly onCancel?: () => void;
  readonly leading?: ReactNode;
}

/** Below this many left, the rest is read aloud. */
const NEAR_END = 50;
const drafts = new Map<string, string>();
export const forgetDrafts = (): void => drafts.clear();

export function WriteBox(props: WriteBoxProps) {
  const { label, draftName, initial = '', onSubmit, onCancel } = props;
  const words = useWords();
  const id = useId();
  const area = useRef<HTMLTextAreaElement>(null);
  const [text, setText] = useState(drafts.get(draftName) ?? initial);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const used = codePoints(sendable(text));
  const left = TEXT_MAX - used;
  const ready = mayBeSent(text) && !busy;

  const write = (next: string) => {
    setText(next);
    if (next === initial) drafts.delete(draftName);
    else drafts.set(draftName, next);
  };
  const send = async () => {
    if (!ready) {
      area.current?.focus();
      return;
    }
    setBusy(true);
    setError(null);
    try {
      await onSubmit(sendable(text));
      write('');
      drafts.delete(draftName);
    } catch (thrown) {
      setError(thrown);
    }
    setBusy(false);
  };

  return (
    <form
      className={`write-box${props.compact === true ? ' compact' : ''}${text === '' ? '' : ' begun'}`}
      onSubmit={(event) => {
        event.preventDefault();
        void send();
      }}
    >
      {props.leading}
      <div className="write-area">
        <label htmlFor={id} className="unseen">
          {label}
        </label>
        <textarea
          ref={area}
          id={id}
          dir="auto"
          rows={props.compact === true ? 1 : 2}
          value={text}
          placeholder={props.placeholder}
          readOnly={busy}
          // focus goes where the reader asked to write, by pressing "Edit"
          // oxlint-disable-next-line jsx-a11y/no-autofocus
          autoFocus={props.focusFirst === true}
          aria-invalid={left < 0 ? true : undefined}
          aria-describedby={`${id}-length`}
          onChange={(event) => write(event.target.value)}
          onKeyDown={(event) => {
            if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
              event.preventDefault();
              void send();
            }
            if (event.key === 'Escape' && onCancel !== undefined) onCancel();
          }}
        />
        {error === null ? null : (
          <p className="field-error" role="alert">
            {explain(error, words)}
          </p>
        )}
        <div className="write-foot">
          <span id={`${id}-length`} className={left < 0 ? 'figures length over' : 'figures length'}>
            {text === '' ? '' : words.composer.length(used, TEXT_MAX)}
          </span>
          <span className="unseen" aria-live="polite">
            {left <= NEAR_END ? words.composer.lengthSpoken(left) : ''}
          </span>
          {props.compact === true ? null : <span className="hint keys">{words.composer.hint}</span>}
          {onCancel === undefined ? null : (
            <button
              type="button"
              onClick={() => {
                drafts.delete(draftName);
                onCancel();
              }}
            >
              {words.cancel}
            </button>
          )}
          <button type="submit" className="primary" aria-disabled={!ready}>
            {busy ? props.submitting : props.submit}
          </button>
        </div>
      </div>
    </form>
  );
}
