/** How names and texts about oneself are stored. */

/** One spelling for each text, and no blanks around it. */
export const tidyName = (name: string): string => name.normalize('NFC').trim();
export const tidyBio = (bio: string): string => bio.normalize('NFC').replaceAll('\r\n', '\n').trim();
