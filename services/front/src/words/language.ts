/** The languages that the screens speak, and which one a reader gets. */

export const LANGUAGES = ['en', 'ko'] as const;
export type Language = (typeof LANGUAGES)[number];

/** Each language's name for itself. */
export const LANGUAGE_NAMES: Readonly<Record<Language, string>> = { en: 'English', ko: '한국어' };

export const isLanguage = (value: unknown): value is Language => LANGUAGES.some((language) => language === value);

/** The stored choice where there is one, else the first language of `wanted` (BCP 47 tags, best first) that is spoken here, else English. */
export function languageFor(stored: string | null, wanted: readonly string[]): Language {
  if (isLanguage(stored)) return stored;
  for (const tag of wanted) {
    const primary = tag.toLowerCase().split('-', 1)[0];
    if (isLanguage(primary)) return primary;
  }
  return 'en';
}
