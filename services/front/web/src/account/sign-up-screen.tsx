/** Signing up, and in at once. */
import { useState } from 'react';
import { returnPath } from '../../../src/domain/screens.ts';
import { users as calls } from '../api/calls.ts';
import { Field, PasswordField } from '../controls/field.tsx';
import { Link } from '../controls/link.tsx';
import { go, usePlace } from '../state/navigation.ts';
import { useWords } from '../state/preferences.ts';
import { useSession } from '../state/session.tsx';
import { AccountFrame } from './account-frame.tsx';
import { faults, useForm } from './form.ts';
import { EMAIL, HANDLE, NAME_MAX, PASSWORD_MAX, PASSWORD_MIN } from './rules.ts';
import { to } from './sign-in-screen.tsx';

type Outcome = 'none' | 'cookies-dropped' | 'not-signed-in';

export function SignUpScreen() {
  const words = useWords();
  const session = useSession();
  const wanted = new URLSearchParams(usePlace().search).get('to');
  const [given, setGiven] = useState({ name: '', handle: '', email: '', password: '' });
  const [outcome, setOutcome] = useState<Outcome>('none');
  const set = (field: keyof typeof given) => (event: { target: { value: string } }) =>
    setGiven((before) => ({ ...before, [field]: event.target.value }));
  const longEnough = given.password.length >= PASSWORD_MIN && given.password.length <= PASSWORD_MAX;
  const form = useForm(
    () =>
      faults({
        name: (given.name.trim() === '' || given.name.trim().length > NAME_MAX) && words.fields.nameInvalid,
        handle: !HANDLE.test(given.handle.trim()) && words.fields.handleInvalid,
        email: !EMAIL.test(given.email.trim()) && words.fields.emailInvalid,
        password: !longEnough && words.fields.passwordInvalid,
      }),
    async () => {
      const account = { name: given.name.trim(), handle: given.handle.trim(), email: given.email.trim() };
      await calls.create({ ...account, password: given.password });
      try {
        const signedIn = await session.signIn(account.handle, given.password);
        if (signedIn === 'signed-in') go(returnPath(wanted), { replace: true });
        else setOutcome('cookies-dropped');
      } catch {
        setOutcome('not-signed-in');
      }
    },
  );
  if (outcome !== 'none') return <Made outcome={outcome} login={given.handle.trim()} />;
  return (
    <AccountFrame title={words.signUp.title}>
      <form onSubmit={form.onSubmit} noValidate>
        <Field
          label={words.fields.name}
          hint={words.fields.nameHint}
          name="name"
          autoComplete="name"
          required
          dir="auto"
          value={given.name}
          error={form.errors.name}
          onChange={set('name')}
        />
        <Field
          label={words.fields.handle}
          hint={words.fields.handleHint}
          name="handle"
          autoComplete="username"
          autoCapitalize="none"
          spellCheck={false}
          required
          value={given.handle}
          error={form.errors.handle}
          onChange={(event) => setGiven((before) => ({ ...before, handle: event.target.value.toLowerCase() }))}
        />
        <Field
          label={words.fields.email}
          hint={words.fields.emailHint}
          name="email"
          type="email"
          autoComplete="email"
          required
          value={given.email}
          error={form.errors.email}
          onChange={set('email')}
        />
        <PasswordField
          label={words.fields.password}
          rule={longEnough ? words.fields.passwordRuleMet : words.fields.passwordRule}
          met={longEnough}
          name="password"
          autoComplete="new-password"
          required
          value={given.password}
          error={form.errors.password}
          onChange={set('password')}
        />
        {form.failure === null ? null : (
          <p className="notice bad" role="alert">
            {form.failure}
          </p>
        )}
        <button type="submit" className="primary wide" aria-disabled={form.busy}>
          {form.busy ? words.signUp.submitting : words.signUp.submit}
        </button>
      </form>
      <p className="account-other">
        {words.signUp.haveOne} <Link to={`/sign-in${to(wanted)}`}>{words.signUp.toSignIn}</Link>
      </p>
    </AccountFrame>
  );
}

/** The account is there, the session is not. */
function Made({ outcome, login }: { readonly outcome: Outcome; readonly login: string }) {
  const words = useWords();
  return (
    <AccountFrame title={words.signIn.title}>
      <div className="notice bad" role="alert">
        {outcome === 'cookies-dropped' ? (
          <>
            <strong>{words.signIn.cookiesDroppedTitle}</strong>
            <p>{words.signIn.cookiesDropped}</p>
          </>
        ) : (
          <p>{words.signUp.created}</p>
        )}
      </div>
      <Link to={`/sign-in?${new URLSearchParams({ login })}`} className="button primary wide">
        {words.signUp.toSignIn}
      </Link>
    </AccountFrame>
  );
}
