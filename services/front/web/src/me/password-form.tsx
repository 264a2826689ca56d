/** Changing one's password. */
import { useState } from 'react';
import { faults, useForm } from '../account/form.ts';
import { PASSWORD_MAX, PASSWORD_MIN } from '../account/rules.ts';
import { users as calls } from '../api/calls.ts';
import { PasswordField } from '../controls/field.tsx';
import { useWords } from '../state/preferences.ts';
import { toast } from '../state/toasts.ts';

export function PasswordForm() {
  const words = useWords();
  const [current, setCurrent] = useState('');
  const [next, setNext] = useState('');
  const longEnough = next.length >= PASSWORD_MIN && next.length <= PASSWORD_MAX;
  const form = useForm(
    () =>
      faults({ current: current === '' && words.fields.missing, next: !longEnough && words.fields.passwordInvalid }),
    async () => {
      await calls.changePassword({ current, next });
      setCurrent('');
      setNext('');
      toast('done', words.me.passwordChanged);
    },
  );
  return (
    <form onSubmit={form.onSubmit} noValidate>
      <PasswordField
        label={words.me.currentPassword}
        name="current"
        autoComplete="current-password"
        value={current}
        error={form.errors.current}
        onChange={(event) => setCurrent(event.target.value)}
      />
      <PasswordField
        label={words.me.nextPassword}
        rule={longEnough ? words.fields.passwordRuleMet : words.fields.passwordRule}
        met={longEnough}
        name="next"
        autoComplete="new-password"
        value={next}
        error={form.errors.next}
        onChange={(event) => setNext(event.target.value)}
      />
      {form.failure === null ? null : (
        <p className="notice bad" role="alert">
          {form.failure}
        </p>
      )}
      <div className="actions">
        <button type="submit" aria-disabled={form.busy}>
          {form.busy ? words.saving : words.me.changePassword}
        </button>
      </div>
    </form>
  );
}
