/** Name, handle and the words about oneself. */
import { useState } from 'react';
import { faults, useForm } from '../account/form.ts';
import { BIO_MAX, HANDLE, NAME_MAX } from '../account/rules.ts';
import { session as sessionCalls, users as calls } from '../api/calls.ts';
import type { OwnUser } from '../api/calls.ts';
import { AreaField, Field } from '../controls/field.tsx';
import { useWords } from '../state/preferences.ts';
import { useSession } from '../state/session.tsx';
import { toast } from '../state/toasts.ts';

export function ProfileForm({ user, onSaved }: { readonly user: OwnUser; readonly onSaved: (user: OwnUser) => void }) {
  const words = useWords();
  const { renamed } = useSession();
  const [name, setName] = useState(user.name);
  const [handle, setHandle] = useState(user.handle);
  const [bio, setBio] = useState(user.bio);
  const changes = {
    ...(name.trim() === user.name ? {} : { name: name.trim() }),
    ...(handle.trim() === user.handle ? {} : { handle: handle.trim() }),
    ...(bio === user.bio ? {} : { bio }),
  };
  const unchanged = Object.keys(changes).length === 0;
  const form = useForm(
    () =>
      faults({
        name: (name.trim() === '' || name.trim().length > NAME_MAX) && words.fields.nameInvalid,
        handle: !HANDLE.test(handle.trim()) && words.fields.handleInvalid,
        bio: bio.length > BIO_MAX && words.fields.bioInvalid,
      }),
    async () => {
      if (unchanged) return;
      const saved = await calls.update(changes);
      // Else the session goes by the old name until its token lapses; it does so in any case.
      await sessionCalls.refresh().catch(() => undefined);
      onSaved(saved);
      renamed({ id: saved.id, handle: saved.handle, name: saved.name });
      toast('done', words.saved);
    },
  );
  return (
    <form onSubmit={form.onSubmit} noValidate>
      <Field
        label={words.fields.name}
        name="name"
        autoComplete="name"
        dir="auto"
        required
        value={name}
        error={form.errors.name}
        onChange={(event) => setName(event.target.value)}
      />
      <Field
        label={words.fields.handle}
        hint={words.fields.handleHint}
        name="handle"
        autoComplete="username"
        autoCapitalize="none"
        spellCheck={false}
        required
        value={handle}
        error={form.errors.handle}
        onChange={(event) => setHandle(event.target.value.toLowerCase())}
      />
      <AreaField
        label={words.fields.bio}
        aside={words.composer.length(bio.length, BIO_MAX)}
        name="bio"
        rows={3}
        dir="auto"
        value={bio}
        error={form.errors.bio}
        onChange={(event) => setBio(event.target.value)}
      />
      <Field label={words.fields.email} hint={words.fields.emailHint} type="email" value={user.email} readOnly />
      {form.failure === null ? null : (
        <p className="notice bad" role="alert">
          {form.failure}
        </p>
      )}
      <div className="actions">
        <button type="submit" className="primary" aria-disabled={form.busy || unchanged}>
          {form.busy ? words.saving : words.save}
        </button>
      </div>
    </form>
  );
}
