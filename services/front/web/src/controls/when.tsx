/** A time: relative to now as it passes, exact on demand. */
import { exactly, whenOf } from '../../../src/domain/when.ts';
import { useNowMs } from '../state/clock.ts';
import { useLanguage } from '../state/preferences.ts';

export function When({ iso }: { readonly iso: string }) {
  const language = useLanguage();
  return (
    <time dateTime={iso} title={exactly(iso, language)}>
      {whenOf(iso, useNowMs(), language)}
    </time>
  );
}
