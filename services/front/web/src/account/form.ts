/** What forms have in common: one submission at a time, faults beside their fields, the first faulty field in focus. */
import { useState } from 'react';
import type { FormEvent } from 'react';
import { explain, fieldErrors } from '../api/explain.ts';
import type { FieldErrors } from '../api/explain.ts';
import { useWords } from '../state/preferences.ts';

export interface Form {
  readonly busy: boolean;
  readonly errors: FieldErrors;
  /** What went wrong as a whole; null when fields say it. */
  readonly failure: string | null;
  readonly onSubmit: (event: FormEvent<HTMLFormElement>) => void;
}

/** `check` finds faults before anything is sent; `send` throws what the service answers. */
export function useForm(check: () => FieldErrors, send: () => Promise<void>): Form {
  const words = useWords();
  const [busy, setBusy] = useState(false);
  const [errors, setErrors] = useState<FieldErrors>({});
  const [failure, setFailure] = useState<string | null>(null);

  const show = (form: HTMLFormElement, found: FieldErrors, whole: string | null) => {
    setErrors(found);
    setFailure(Object.keys(found).length === 0 ? whole : null);
    setTimeout(() => form.querySelector<HTMLElement>('[aria-invalid=true]')?.focus());
  };
  const run = async (form: HTMLFormElement) => {
    const found = check();
    if (Object.keys(found).length > 0) return show(form, found, null);
    setBusy(true);
    show(form, {}, null);
    try {
      await send();
    } catch (error) {
      show(form, fieldErrors(error, words), explain(error, words));
    }
    setBusy(false);
  };
  const onSubmit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    if (!busy) void run(event.currentTarget);
  };
  return { busy, errors, failure, onSubmit };
}

/** Only what is there: for `check`. */
export function faults(found: Readonly<Record<string, string | false>>): FieldErrors {
  return Object.fromEntries(Object.entries(found).filter((entry): entry is [string, string] => entry[1] !== false));
}
