/** Deleting one's account, with the password as the last question. */
import { useState } from 'react';
import { users as calls } from '../api/calls.ts';
import { Confirm } from '../controls/confirm.tsx';
import { PasswordField } from '../controls/field.tsx';
import { useWords } from '../state/preferences.ts';
import { useSession } from '../state/session.tsx';

export function DeleteAccount() {
  const words = useWords();
  const { left } = useSession();
  const [open, setOpen] = useState(false);
  const [password, setPassword] = useState('');
  return (
    <div className="actions">
      <button type="button" className="danger quiet" onClick={() => setOpen(true)}>
        {words.me.deleteOpen}
      </button>
      {open ? (
        <Confirm
          title={words.me.deleteTitle}
          body={words.me.deleteBody}
          confirm={words.me.deleteConfirm}
          onClose={() => {
            setOpen(false);
            setPassword('');
          }}
          onConfirm={async () => {
            await calls.deleteMe(password);
            left('deleted');
          }}
        >
          <PasswordField
            label={words.fields.password}
            name="password"
            autoComplete="current-password"
            required
            value={password}
            onChange={(event) => setPassword(event.target.value)}
          />
        </Confirm>
      ) : null}
    </div>
  );
}
