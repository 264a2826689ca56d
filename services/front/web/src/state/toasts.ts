/** Short notices that come and go: what was done, and what did not work. */
import { useSyncExternalStore } from 'react';

export interface Toast {
  readonly id: number;
  readonly kind: 'done' | 'failed';
  readonly text: string;
}

const SHOWN_MAX = 3;
const DONE_MS = 4_000;
const FAILED_MS = 8_000;
const listeners = new Set<() => void>();
let toasts: readonly Toast[] = [];
let lastId = 0;

export const useToasts = (): readonly Toast[] =>
  useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => toasts,
  );

export function toast(kind: Toast['kind'], text: string): void {
  const id = (lastId += 1);
  set([...toasts.filter((other) => other.text !== text), { id, kind, text }].slice(-SHOWN_MAX));
  setTimeout(() => dismiss(id), kind === 'done' ? DONE_MS : FAILED_MS);
}

export function dismiss(id: number): void {
  if (toasts.some((other) => other.id === id)) set(toasts.filter((other) => other.id !== id));
}

function set(next: readonly Toast[]): void {
  toasts = next;
  for (const listener of listeners) listener();
}
