/** Worker of registry-scale: registers instances and renews each at a third of its lease, evenly spread over time. */
import { Agent, request } from 'node:http';
import { parentPort, workerData } from 'node:worker_threads';

export interface RegistryLoad {
  readonly port: number;
  readonly services: number;
  readonly instancesPerService: number;
  readonly leaseMs: number;
}

/** Sent to the parent: once all are registered, and every second. */
export interface LoadReport {
  readonly registered: boolean;
  readonly renewals: number;
  readonly failures: number;
}

const load = workerData as RegistryLoad;
const agent = new Agent({ keepAlive: true, maxSockets: 32 });
let renewals = 0;
let failures = 0;

function put(path: string, body: unknown): Promise<number> {
  const text = body === undefined ? undefined : JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        agent,
        host: '127.0.0.1',
        port: load.port,
        method: 'PUT',
        path,
        headers:
          text === undefined
            ? {}
            : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(text)) },
      },
      (answer) => {
        answer.resume();
        answer.on('end', () => resolve(answer.statusCode ?? 0));
      },
    );
    sent.on('error', reject);
    sent.end(text);
  });
}

const instances = Array.from({ length: load.services * load.instancesPerService }, (_, index) => ({
  id: `instance-${index}`,
  registration: {
    service: `service-${Math.floor(index / load.instancesPerService)}`,
    host: '10.1.2.3',
    port: 1_024 + (index % 60_000),
    leaseMs: load.leaseMs,
    metadata: { build: 'a1b2c3d4' },
  },
}));

async function registerAll(): Promise<void> {
  const waiting = instances.values();
  await Promise.all(
    Array.from({ length: 32 }, async () => {
      for (const { id, registration } of waiting)
        if ((await put(`/v1/instances/${id}`, registration)) !== 201) failures += 1;
    }),
  );
}

/** Each tick sends what is due since the last, so that the rate holds whatever the timer does. */
function renewForEver(): void {
  const periodMs = load.leaseMs / 3;
  const beganAt = performance.now();
  let sent = 0;
  setInterval(() => {
    const due = Math.floor(((performance.now() - beganAt) / periodMs) * instances.length);
    for (; sent < due; sent += 1) {
      put(`/v1/instances/${instances[sent % instances.length]!.id}/lease`, undefined).then(
        (status) => {
          renewals += 1;
          if (status !== 200) failures += 1;
        },
        () => {
          failures += 1;
        },
      );
    }
  }, 5);
}

const report = (registered: boolean): void =>
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker's port is no window
  parentPort?.postMessage({ registered, renewals, failures } satisfies LoadReport);
await registerAll();
renewForEver();
report(true);
setInterval(() => report(false), 1_000);
