/** Whether the browser believes to have a network, and whether the page is looked at. */
import { useSyncExternalStore } from 'react';

function subscribeOnline(listener: () => void): () => void {
  window.addEventListener('online', listener);
  window.addEventListener('offline', listener);
  return () => {
    window.removeEventListener('online', listener);
    window.removeEventListener('offline', listener);
  };
}
function subscribeVisible(listener: () => void): () => void {
  document.addEventListener('visibilitychange', listener);
  return () => document.removeEventListener('visibilitychange', listener);
}

export const useOnline = (): boolean => useSyncExternalStore(subscribeOnline, () => navigator.onLine);
export const useVisible = (): boolean =>
  useSyncExternalStore(subscribeVisible, () => document.visibilityState === 'visible');
