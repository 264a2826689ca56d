/** Begins: reads where the gateway is, then draws the application. */
import './styles/all.css';
import { createRoot } from 'react-dom/client';
import { setUpCalls } from './api/call.ts';
import { App } from './app.tsx';
import { readPageConfig } from './config.ts';
import type { PageConfig } from './config.ts';
import { FaultBoundary } from './shell/fault-boundary.tsx';
import { SessionProvider } from './state/session.tsx';

const UNKNOWN: PageConfig = { gatewayUrl: '', deployment: '' };

async function begin(): Promise<void> {
  // Without its configuration the page still stands, and says that nothing can be reached.
  const config = await readPageConfig().catch(() => UNKNOWN);
  setUpCalls({ gatewayUrl: config.gatewayUrl });
  createRoot(document.getElementById('root')!).render(
    <FaultBoundary>
      <SessionProvider>
        <App config={config} />
      </SessionProvider>
    </FaultBoundary>,
  );
}

void begin();
