/** The words of each language. */
import { en } from './en.ts';
import type { Words } from './en.ts';
import { ko } from './ko.ts';
import type { Language } from './language.ts';

export type { Words } from './en.ts';

export const CATALOGUE: Readonly<Record<Language, Words>> = { en, ko };
