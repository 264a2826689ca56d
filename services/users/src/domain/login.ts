/** What somebody may sign in with: a handle or an email address, in any case. */
import { email, handle } from '@switchyard/contracts/users';

export type Login = { readonly by: 'handle' | 'email'; readonly value: string };

/** null when it can be nobody's: it has the shape of neither. */
export function readLogin(written: string): Login | null {
  const value = written.trim().toLowerCase();
  if (handle.safeParse(value).success) return { by: 'handle', value };
  return email.safeParse(value).success ? { by: 'email', value } : null;
}
