/** Catches a fault of ours while something is drawn, so that the page says so instead of going blank. */
import { Component } from 'react';
import type { ErrorInfo, ReactNode } from 'react';
import { useWords } from '../state/preferences.ts';

export class FaultBoundary extends Component<{ readonly children: ReactNode }, { readonly broken: boolean }> {
  override state = { broken: false };

  static getDerivedStateFromError(): { broken: boolean } {
    return { broken: true };
  }

  override componentDidCatch(error: unknown, info: ErrorInfo): void {
    console.error('a screen broke', error, info.componentStack);
  }

  override render(): ReactNode {
    return this.state.broken ? <Broken /> : this.props.children;
  }
}

function Broken() {
  const words = useWords();
  return (
    <main className="lost" role="alert">
      <h1>{words.trouble.brokenTitle}</h1>
      <p>{words.trouble.broken}</p>
      <button type="button" className="primary" onClick={() => location.reload()}>
        {words.trouble.reload}
      </button>
    </main>
  );
}
