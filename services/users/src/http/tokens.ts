/** The name under which controllers get what they work with. */
export const USERS = Symbol('users');
