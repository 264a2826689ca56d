/** Which handles nobody may have, and how long a handle rests after its owner gave it up. */

/** Names of parts of the system, of roles that people trust, and of words that read as no name at all. */
const RESERVED: ReadonlySet<string> = new Set(
  `me self you everyone everybody all here channel anyone nobody anonymous unknown null undefined none true false
   admin admins administrator root sudo superuser sysadmin operator owner moderator moderators mod mods staff team
   official support help helpdesk service services contact security abuse legal privacy terms about info
   postmaster webmaster hostmaster mailer daemon noreply donotreply
   switchyard system yard console gateway registry users feeds front api internal health metrics status
   user account accounts profile settings session sessions signin signup signout login logout register password
   friends friend requests suggestions blocks block feed post posts search new edit delete deleted explore home www`
    .split(/\s+/)
    .filter((word) => word !== ''),
);

/**
 * Whether a handle is kept from everybody. Underscores do not make another word of it: `_admin_` and `no_reply` are reserved too.
 *
 * @param handle `[a-z0-9_]{3,30}`
 */
export const isReservedHandle = (handle: string): boolean => RESERVED.has(handle.replaceAll('_', ''));

/**
 * A handle that was given up, by deleting the account or by taking another one, is free for others after this many days,
 * so that nobody is soon mistaken for its last owner. Who only changed it may take it back at any time.
 */
export const HANDLE_REST_DAYS = 90;

/** Handles that were released before this moment are free. */
export const restedBefore = (now: Date): Date => new Date(now.getTime() - HANDLE_REST_DAYS * 86_400_000);
