/** What forms have in common: one submission at a time, faults beside their fields, the first faulty field in focus. */
import { useEffect, useRef, useState } from 'react';
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
  const submitted = useRef<HTMLFormElement | null>(null);

  useEffect(() => {
    if (Object.keys(errors).length > 0) submitted.current?.querySelector<HTMLElement>('[aria-invalid=true]')?.focus();
  }, [errors]);

  const show = (found: FieldErrors, whole: string | null) => {
    setErrors(found);
    setFailure(Object.keys(found).length === 0 ? whole : null);
  };
  const run = async () => {
    const found = check();
    if (Object.keys(found).length > 0) return show(found, null);
    setBusy(true);
    show({}, null);
    try {
      await send();
    } catch (error) {
      show(fieldErrors(error, words), explain(error, words));
    }
    setBusy(false);
  };
  const onSubmit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    submitted.current = event.currentTarget;
    if (!busy) void run();
  };
  return { busy, errors, failure, onSubmit };
}

/** Only what is there: for `check`. */
export function faults(found: Readonly<Record<string, string | false>>): FieldErrors {
  return Object.fromEntries(Object.entries(found).filter((entry): entry is [string, string] => entry[1] !== false));
}
