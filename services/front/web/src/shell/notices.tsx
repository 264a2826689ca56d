/** What lies over every screen: being offline, and short notices. */
import { useEffect, useState } from 'react';
import { useOnline } from '../state/online.ts';
import { useWords } from '../state/preferences.ts';
import { dismiss, useToasts } from '../state/toasts.ts';
import { Icon } from './icons.tsx';

const BACK_ONLINE_MS = 3_000;

export function Notices() {
  return (
    <>
      <OfflineBanner />
      <Toasts />
    </>
  );
}

function OfflineBanner() {
  const words = useWords();
  const online = useOnline();
  const [justBack, setJustBack] = useState(false);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const back = () => {
      setJustBack(true);
      timer = setTimeout(() => setJustBack(false), BACK_ONLINE_MS);
    };
    window.addEventListener('online', back);
    return () => {
      clearTimeout(timer);
      window.removeEventListener('online', back);
    };
  }, []);
  return (
    <div className="banner" aria-live="polite" data-online={online}>
      {online ? justBack ? <p>{words.trouble.backOnline}</p> : null : <p>{words.trouble.offline}</p>}
    </div>
  );
}

function Toasts() {
  const words = useWords();
  const toasts = useToasts();
  return (
    <div className="toasts" aria-live="polite">
      {toasts.map((toast) => (
        <div key={toast.id} className={`toast ${toast.kind}`} role={toast.kind === 'failed' ? 'alert' : undefined}>
          <p>{toast.text}</p>
          <button
            type="button"
            className="quiet icon-button"
            aria-label={words.close}
            onClick={() => dismiss(toast.id)}
          >
            <Icon name="close" />
          </button>
        </div>
      ))}
    </div>
  );
}
