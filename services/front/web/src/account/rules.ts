/** What fields must be, checked before anything is sent; the service has the last word. */

export const HANDLE = /^[a-z0-9_]{3,30}$/;
/** Deliberately loose: whether an address exists, only a letter can tell. */
export const EMAIL = /^[^\s@]+@[^\s@]+\.[^\s@]+$/;
export const NAME_MAX = 60;
export const BIO_MAX = 300;
export const PASSWORD_MIN = 12;
export const PASSWORD_MAX = 128;
