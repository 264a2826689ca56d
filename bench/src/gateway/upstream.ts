/** The service behind every contestant: an nginx that answers small JSON, 100 KB, and a POST once it has read its body. */
import { mkdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { userInfo } from 'node:os';
import path from 'node:path';
import { freePorts } from '@switchyard/e2e/yard-under-test';
import { accepts, start, untilUp } from './started-process.ts';
import type { StartedProcess } from './started-process.ts';

export const SMALL_JSON = JSON.stringify({
  id: '0199aaaa-0000-7000-8000-0000000000aa',
  handle: 'ada',
  name: 'Ada Lovelace',
  friends: 42,
});
export const LARGE_BYTES = 100 * 1_024;
const FIRST_PART_MS = 100;

export interface Upstream {
  /** Two, of the same nginx: what balances has something to balance. */
  readonly ports: readonly [number, number];
  readonly process: StartedProcess;
}

export async function startUpstream(folder: string, cores: string): Promise<Upstream> {
  const home = path.join(folder, 'upstream');
  const ports = (await freePorts(2)) as [number, number];
  await mkdir(path.join(home, 'files'), { recursive: true });
  await writeFile(path.join(home, 'files/large'), Buffer.alloc(LARGE_BYTES, 'x'));
  await writeFile(path.join(home, 'files/posted.json'), SMALL_JSON);
  // The module of static files must find something at /post, to refuse the method of.
  await writeFile(path.join(home, 'files/post'), '');
  await writeFile(path.join(home, 'nginx.conf'), configuration(ports));
  const outputFile = path.join(home, 'output.log');
  const command = ['nginx', ...nginxWords(home)] as const;
  const one = start({ name: 'upstream', command, cores, cwd: home, outputFile });
  await untilUp(one, outputFile, () => accepts(ports[1]));
  await proveBodyIsRead(ports[0]);
  return { ports, process: one };
}

/** Words of a command line that keep nginx within `folder`, which has an nginx.conf. */
export const nginxWords = (folder: string): string[] => ['-p', `${folder}/`, '-c', 'nginx.conf', '-e', 'error.log'];

/** What every nginx here begins with: one worker in the foreground, its files within its folder, connections that last. */
export const NGINX_HEAD = `${userInfo().uid === 0 ? 'user root;\n' : ''}worker_processes 1;
daemon off;
pid nginx.pid;
error_log error.log warn;
worker_rlimit_nofile 65536;
events { worker_connections 8192; multi_accept on; }
`;
export const NGINX_HTTP = `sendfile on;
  tcp_nopush on;
  tcp_nodelay on;
  keepalive_requests 1000000000;
  keepalive_timeout 1h;
  server_tokens off;
  client_body_temp_path client_body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;`;

/**
 * `return` answers before it has read a body. Mirroring makes nginx read it first; then the module of static files refuses the
 * method, and its refusal is made a plain answer.
 */
const configuration = (ports: readonly number[]): string => `${NGINX_HEAD}http {
  access_log off;
  ${NGINX_HTTP}
  open_file_cache max=100 inactive=1h;
  open_file_cache_valid 1h;
  client_body_buffer_size 128k;
  default_type application/json;
  server {
${ports.map((port) => `    listen 127.0.0.1:${port} backlog=4096;\n`).join('')}    root files;
    location = /small { return 200 '${SMALL_JSON}'; }
    location = /own { return 200 '${SMALL_JSON}'; }
    location = /large { }
    location = /post {
      mirror /body;
      mirror_request_body on;
      error_page 405 =200 /posted.json;
    }
    location = /posted.json { internal; }
    location = /body { internal; return 204; }
  }
}
`;

/** Sends a head, and its body only later: an answer between the two would be one to an unread body. */
function proveBodyIsRead(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, timeout: 2_000 });
    let isBodySent = false;
    const over = (error: Error | null): void => {
      socket.destroy();
      if (error === null) resolve();
      else reject(error);
    };
    socket.once('error', over).once('timeout', () => over(new Error('the upstream did not answer a POST')));
    socket.once('data', (answer: Buffer) => {
      if (!isBodySent) {
        over(new Error('the upstream answers a POST before its body'));
        return;
      }
      const said = answer.toString('latin1');
      over(said.startsWith('HTTP/1.1 200 ') ? null : new Error(`the upstream answers a POST with ${said}`));
    });
    socket.write('POST /post HTTP/1.1\r\nHost: upstream\r\nContent-Length: 4\r\n\r\n');
    setTimeout(() => {
      isBodySent = true;
      socket.write('body');
    }, FIRST_PART_MS);
  });
}
