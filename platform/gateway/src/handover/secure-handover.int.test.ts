/** HTTPS and HTTP/2 while the door is handed on, and with several workers: processes as the yard starts them. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import type { ClientHttp2Session } from 'node:http2';
import { Agent, get } from 'node:https';
import type { IncomingMessage } from 'node:http';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { connect } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import { takeOver, untilGone } from '../testing/gateway-process.ts';
import { healthOf, untilServing } from '../testing/several-workers.ts';
import { askStream, certificateFor } from '../testing/secure-yard.ts';
import { freePort } from '../testing/free-port.ts';
import { startHandoverYard } from '../testing/test-handover.ts';
import type { HandoverYard } from '../testing/test-handover.ts';

interface Yard extends HandoverYard {
  readonly port: number;
  readonly url: string;
  readonly ca: string;
}

async function start(t: TestContext, settings: Readonly<Record<string, unknown>> = {}): Promise<Yard> {
  const { authority, files } = certificateFor(t);
  const port = await freePort();
  const tls = { ...files, port };
  const yard = await startHandoverYard(t, (request, response) => void setTimeout(() => response.end(request.url), 2), {
    GATEWAY_SETTINGS: JSON.stringify({ ...settings, tls }),
  });
  return { ...yard, port, url: `https://localhost:${port}`, ca: authority.pem };
}

/** As browsers do: a request that a connection says it did not take is sent again on another one. */
class Http2Client {
  private session: ClientHttp2Session | null = null;
  connections = 0;
  private readonly yard: Yard;

  constructor(yard: Yard) {
    this.yard = yard;
  }

  async ask(path: string): Promise<string> {
    for (;;) {
      const session = this.open();
      const { status, text, resetCode } = await askStream(session, { ':path': path }).catch(() => NOT_TAKEN);
      if (status !== 0) return `${status} ${text}`;
      if (session.destroyed || session.closed || resetCode === REFUSED_STREAM) this.session = null;
      else return `reset ${resetCode}`;
    }
  }

  private open(): ClientHttp2Session {
    if (this.session !== null && !this.session.closed && !this.session.destroyed) return this.session;
    this.connections += 1;
    this.session = connectHttp2(this.yard.url, { ca: this.yard.ca });
    this.session.on('error', () => {});
    this.session.on('goaway', () => (this.session = null));
    return this.session;
  }

  close(): void {
    this.session?.destroy();
  }
}

const REFUSED_STREAM = 7;
const NOT_TAKEN = { status: 0, text: '', resetCode: REFUSED_STREAM };

async function askHttp1(yard: Yard, agent: Agent, path: string): Promise<string> {
  const asked = get(`${yard.url}${path}`, { agent, ca: yard.ca });
  const [answer] = (await once(asked, 'response')) as [IncomingMessage];
  const pieces: Buffer[] = [];
  answer.on('data', (piece: Buffer) => pieces.push(piece));
  await once(answer, 'end');
  return `${answer.statusCode} ${Buffer.concat(pieces).toString()}`;
}

test('no request by HTTPS is lost while the door is handed on, of HTTP/1.1 and of HTTP/2', async (t) => {
  const yard = await start(t);
  const agent = new Agent({ keepAlive: true, maxSockets: 4, ca: yard.ca });
  const client = new Http2Client(yard);
  t.after(() => {
    agent.destroy();
    client.close();
  });
  const over = new AbortController();
  const counts = { 'HTTP/1.1': 0, 'HTTP/2': 0 };
  const loop = async (of: keyof typeof counts, ask: (path: string) => Promise<string>): Promise<void> => {
    while (!over.signal.aborted) {
      const path = `/${of}/${counts[of]}`;
      assert.equal(await ask(path), `200 ${path}`);
      counts[of] += 1;
    }
  };
  const loops = [loop('HTTP/1.1', (path) => askHttp1(yard, agent, path)), loop('HTTP/2', (path) => client.ask(path))];
  const next = await yard.next(yard.first);
  await takeOver(next);
  process.kill(yard.first.pid, 'SIGTERM');
  await untilGone(yard.first);
  over.abort();
  await Promise.all(loops);
  assert.ok(counts['HTTP/1.1'] > 20 && counts['HTTP/2'] > 20, JSON.stringify(counts));
  assert.ok(client.connections >= 2);
  assert.equal(await client.ask('/after'), '200 /after');
});

test('several workers share the door of HTTPS, and resume the sessions of each other', async (t) => {
  const yard = await start(t, { workers: 2 });
  const open = async (session?: Buffer): Promise<TLSSocket> => {
    const at = {
      port: yard.port,
      host: '127.0.0.1',
      servername: 'localhost',
      ca: yard.ca,
      maxVersion: 'TLSv1.2',
    } as const;
    const socket = connect({ ...at, ...(session === undefined ? {} : { session }) });
    t.after(() => socket.destroy());
    await once(socket, 'secureConnect');
    return socket;
  };
  await untilServing(yard.first, 2);
  const first = await open();
  const session = first.getSession()!;
  for (let index = 0; index < 40; index += 1) {
    const socket = await open(session);
    assert.equal(socket.isSessionReused(), true, `connection ${index}`);
    socket.write('GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n');
    assert.match(String((await once(socket, 'data'))[0]), /^HTTP\/1\.1 200 /);
  }
  const shares = (await healthOf(yard.first)).map(({ connections }) => connections ?? 0);
  t.diagnostic(`connections: ${shares.join(' and ')}`);
  assert.equal(shares.length, 2);
  for (const share of shares) assert.ok(share > 5, shares.join(' and '));
});
