/** One's own profile and everything about one's account. */
import { useState } from 'react';
import type { ReactNode } from 'react';
import { LANGUAGE_NAMES, LANGUAGES } from '../../../src/words/language.ts';
import { session as sessionCalls, users as calls } from '../api/calls.ts';
import type { OwnUser } from '../api/calls.ts';
import { explain } from '../api/explain.ts';
import { Confirm } from '../controls/confirm.tsx';
import { Link } from '../controls/link.tsx';
import { Failed, Skeleton } from '../lists/states.tsx';
import { useLoaded } from '../lists/use-loaded.ts';
import { Screen } from '../shell/screen.tsx';
import { setLanguage, setTheme, THEMES, usePreferences, useWords } from '../state/preferences.ts';
import { useSession } from '../state/session.tsx';
import { toast } from '../state/toasts.ts';
import { BlockedPeople } from './blocked-people.tsx';
import { Choice } from './choice.tsx';
import { DeleteAccount } from './delete-account.tsx';
import { PasswordForm } from './password-form.tsx';
import { ProfileForm } from './profile-form.tsx';

export function MeScreen({ deployment }: { readonly deployment: string }) {
  const words = useWords();
  const { language, theme } = usePreferences();
  const loaded = useLoaded<OwnUser>((signal) => calls.me(signal));
  const seeAll = (
    <Link to="/posts" className="button quiet">
      {words.me.seeAsOthers}
    </Link>
  );
  return (
    <Screen title={words.me.title} actions={seeAll}>
      <Part title={words.me.profile} hint={words.me.profileHint}>
        {loaded.value !== null ? (
          <ProfileForm key={loaded.value.id} user={loaded.value} onSaved={loaded.set} />
        ) : loaded.error === null ? (
          <Skeleton kind="people" count={2} />
        ) : (
          <Failed error={loaded.error} onRetry={loaded.retry} busy={loaded.loading} />
        )}
      </Part>
      <Part title={words.me.preferences} hint={words.me.preferencesHint}>
        <Choice
          legend={words.me.language}
          options={LANGUAGES.map((value) => ({ value, label: LANGUAGE_NAMES[value], lang: value }))}
          chosen={language}
          onChoose={setLanguage}
        />
        <Choice
          legend={words.me.theme}
          options={THEMES.map((value) => ({ value, label: words.me.themes[value] }))}
          chosen={theme}
          onChoose={setTheme}
        />
      </Part>
      <Part title={words.me.password} hint={words.me.passwordHint}>
        <PasswordForm />
      </Part>
      <Part title={words.me.blocked} hint={words.me.blockedHint}>
        <BlockedPeople />
      </Part>
      <Part title={words.me.sessions} hint={words.me.sessionsHint}>
        <SignOut />
      </Part>
      <Part title={words.me.delete} hint={words.me.deleteHint}>
        <DeleteAccount />
      </Part>
      <p className="fine muted me-foot">{words.me.deployment(deployment)}</p>
    </Screen>
  );
}

function Part({
  title,
  hint,
  children,
}: {
  readonly title: string;
  readonly hint: string;
  readonly children: ReactNode;
}) {
  return (
    <section className="part" aria-label={title}>
      <div className="part-head">
        <h2>{title}</h2>
        <p className="hint">{hint}</p>
      </div>
      <div className="part-body">{children}</div>
    </section>
  );
}

function SignOut() {
  const words = useWords();
  const { left } = useSession();
  const [everywhere, setEverywhere] = useState(false);
  const [busy, setBusy] = useState(false);
  const here = async () => {
    if (busy) return;
    setBusy(true);
    try {
      await sessionCalls.signOut();
      left('left');
    } catch (error) {
      toast('failed', explain(error, words));
      setBusy(false);
    }
  };
  return (
    <div className="actions">
      <button type="button" aria-disabled={busy} onClick={() => void here()}>
        {words.me.signOut}
      </button>
      <button type="button" onClick={() => setEverywhere(true)}>
        {words.me.signOutEverywhere}
      </button>
      {everywhere ? (
        <Confirm
          title={words.me.signOutEverywhereTitle}
          body={words.me.signOutEverywhereBody}
          confirm={words.me.signOutEverywhere}
          onClose={() => setEverywhere(false)}
          onConfirm={async () => {
            await sessionCalls.signOutEverywhere();
            left('left');
          }}
        />
      ) : null}
    </div>
  );
}
