/** Short notices that come and go: what was done, and what did not work. */
import { createStore, useStore } from './store.ts';

export interface Toast {
  readonly id: number;
  readonly kind: 'done' | 'failed';
  readonly text: string;
}

const SHOWN_MAX = 3;
const DONE_MS = 4_000;
const FAILED_MS = 8_000;
const toasts = createStore<readonly Toast[]>([]);
let lastId = 0;

export const useToasts = (): readonly Toast[] => useStore(toasts);

export function toast(kind: Toast['kind'], text: string): void {
  const id = (lastId += 1);
  toasts.set([...toasts.get().filter((other) => other.text !== text), { id, kind, text }].slice(-SHOWN_MAX));
  setTimeout(() => dismiss(id), kind === 'done' ? DONE_MS : FAILED_MS);
}

export function dismiss(id: number): void {
  if (toasts.get().some((other) => other.id === id)) toasts.set(toasts.get().filter((other) => other.id !== id));
}
