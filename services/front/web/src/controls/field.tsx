/** A labelled field with its hint, or its error in the hint's place, tied together for whoever listens instead of looking. */
import { useId, useState } from 'react';
import type { InputHTMLAttributes, TextareaHTMLAttributes } from 'react';
import { useWords } from '../state/preferences.ts';

interface Around {
  readonly label: string;
  readonly hint?: string | undefined;
  readonly error?: string | undefined;
  /** Shown beside the label, such as a length. */
  readonly aside?: string;
}

type InputProps = Around & Omit<InputHTMLAttributes<HTMLInputElement>, 'id'>;

export function Field({ label, hint, error, aside, ...input }: InputProps) {
  const id = useId();
  return (
    <div className="field">
      <FieldLabel id={id} label={label} aside={aside} />
      <input {...input} id={id} {...described(id, hint, error)} />
      <FieldNotes id={id} hint={hint} error={error} />
    </div>
  );
}

/** `rule` says what a new password must be, and is ticked off while one types. */
export function PasswordField({
  rule,
  met = false,
  ...field
}: InputProps & { readonly rule?: string; readonly met?: boolean }) {
  const id = useId();
  const words = useWords();
  const [shown, setShown] = useState(false);
  const { label, hint, error, aside, ...input } = field;
  return (
    <div className="field">
      <FieldLabel id={id} label={label} aside={aside} />
      <div className="with-button">
        <input {...input} id={id} type={shown ? 'text' : 'password'} {...described(id, rule ?? hint, error)} />
        <button
          type="button"
          className="quiet small"
          aria-pressed={shown}
          aria-label={words.fields.showPassword}
          title={shown ? words.fields.hidePassword : words.fields.showPassword}
          onClick={() => setShown(!shown)}
        >
          <EyeIcon crossed={shown} />
        </button>
      </div>
      <FieldNotes id={id} hint={rule ?? hint} error={error} met={met} />
    </div>
  );
}

type AreaProps = Around & Omit<TextareaHTMLAttributes<HTMLTextAreaElement>, 'id'>;

export function AreaField({ label, hint, error, aside, ...area }: AreaProps) {
  const id = useId();
  return (
    <div className="field">
      <FieldLabel id={id} label={label} aside={aside} />
      <textarea {...area} id={id} {...described(id, hint, error)} />
      <FieldNotes id={id} hint={hint} error={error} />
    </div>
  );
}

function FieldLabel({
  id,
  label,
  aside,
}: {
  readonly id: string;
  readonly label: string;
  readonly aside: string | undefined;
}) {
  return (
    <div className="field-top">
      <label htmlFor={id}>{label}</label>
      {aside === undefined ? null : <span className="figures muted">{aside}</span>}
    </div>
  );
}

function FieldNotes(notes: {
  readonly id: string;
  readonly hint: string | undefined;
  readonly error: string | undefined;
  readonly met?: boolean;
}) {
  const { id, hint, error, met = false } = notes;
  return (
    <>
      {hint === undefined || error !== undefined ? null : (
        <p id={`${id}-hint`} className={met ? 'hint met' : 'hint'}>
          {hint}
        </p>
      )}
      {error === undefined ? null : (
        <p id={`${id}-error`} className="field-error">
          {error}
        </p>
      )}
    </>
  );
}

function described(id: string, hint: string | undefined, error: string | undefined) {
  const by = error !== undefined ? `${id}-error` : hint !== undefined ? `${id}-hint` : undefined;
  return { 'aria-describedby': by, 'aria-invalid': error === undefined ? undefined : true };
}

function EyeIcon({ crossed }: { readonly crossed: boolean }) {
  return (
    <svg className="icon" viewBox="0 0 24 24" width="20" height="20" aria-hidden="true">
      <path d="M2.500 12s3.500-6 9.500-6 9.500 6 9.500 6-3.500 6-9.500 6-9.500-6-9.500-6z" />
      <circle cx="12" cy="12" r="2.500" />
      {crossed ? <path d="M4 20L20 4" /> : null}
    </svg>
  );
}
