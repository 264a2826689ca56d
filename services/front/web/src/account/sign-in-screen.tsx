/** Signing in. */
import { useState } from 'react';
import { returnPath } from '../../../src/domain/screens.ts';
import { Field, PasswordField } from '../controls/field.tsx';
import { Link } from '../controls/link.tsx';
import { go, usePlace } from '../state/navigation.ts';
import { useWords } from '../state/preferences.ts';
import { useSession } from '../state/session.tsx';
import type { SignedOutBecause } from '../state/session.tsx';
import { AccountFrame } from './account-frame.tsx';
import { faults, useForm } from './form.ts';

export function SignInScreen({ because }: { readonly because: SignedOutBecause }) {
  const words = useWords();
  const session = useSession();
  const { search } = usePlace();
  const wanted = new URLSearchParams(search);
  const [login, setLogin] = useState(wanted.get('login') ?? '');
  const [password, setPassword] = useState('');
  const [cookiesDropped, setCookiesDropped] = useState(false);
  const form = useForm(
    () =>
      faults({
        login: login.trim() === '' && words.fields.missing,
        password: password === '' && words.fields.missing,
      }),
    async () => {
      setCookiesDropped(false);
      const outcome = await session.signIn(login.trim(), password);
      if (outcome === 'cookies-dropped') setCookiesDropped(true);
      else go(returnPath(wanted.get('to')), { replace: true });
    },
  );
  const notice = {
    'not-yet': null,
    ended: words.signIn.sessionEnded,
    left: words.signIn.signedOut,
    deleted: words.signIn.accountDeleted,
  }[because];
  return (
    <AccountFrame title={words.signIn.title}>
      {notice === null || form.failure !== null || cookiesDropped ? null : (
        <p className="notice" aria-live="polite">
          {notice}
        </p>
      )}
      <form onSubmit={form.onSubmit} noValidate>
        <Field
          label={words.signIn.login}
          name="login"
          autoComplete="username"
          autoCapitalize="none"
          spellCheck={false}
          required
          value={login}
          error={form.errors.login}
          onChange={(event) => setLogin(event.target.value)}
        />
        <PasswordField
          label={words.signIn.password}
          name="password"
          autoComplete="current-password"
          required
          value={password}
          error={form.errors.password}
          onChange={(event) => setPassword(event.target.value)}
        />
        {form.failure === null ? null : (
          <p className="notice bad" role="alert">
            {form.failure}
          </p>
        )}
        {cookiesDropped ? (
          <div className="notice bad" role="alert">
            <strong>{words.signIn.cookiesDroppedTitle}</strong>
            <p>{words.signIn.cookiesDropped}</p>
          </div>
        ) : null}
        <button type="submit" className="primary wide" aria-disabled={form.busy}>
          {form.busy ? words.signIn.submitting : words.signIn.submit}
        </button>
      </form>
      <p className="account-other">
        {words.signIn.newHere} <Link to={`/sign-up${to(wanted.get('to'))}`}>{words.signIn.toSignUp}</Link>
      </p>
    </AccountFrame>
  );
}

/** Where one wanted to go goes along between sign-in and sign-up. */
export const to = (wanted: string | null): string => (wanted === null ? '' : `?${new URLSearchParams({ to: wanted })}`);
