/** nginx and HAProxy on one core, with the settings that serve them best. */
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { freePorts } from '@switchyard/e2e/yard-under-test';
import { accepts, start, untilUp } from '../started-process.ts';
import { NGINX_HEAD, NGINX_HTTP, nginxWords } from '../upstream.ts';
import { STRANGE_TOKEN } from './contestant.ts';
import type { Contestant, OpenContestant, Surroundings } from './contestant.ts';

interface Program {
  readonly name: string;
  readonly file: string;
  readonly configuration: (port: number, upstreamPorts: readonly number[]) => string;
  readonly command: (folder: string) => readonly [string, ...string[]];
}

async function open(at: Surroundings, program: Program): Promise<OpenContestant> {
  const [port] = (await freePorts(1)) as [number];
  const folder = path.join(at.folder, program.name);
  await mkdir(folder, { recursive: true });
  await writeFile(path.join(folder, program.file), program.configuration(port, at.upstream.ports));
  const outputFile = path.join(folder, 'output.log');
  const command = program.command(folder);
  const one = start({ name: program.name, command, cores: at.proxyCores, cwd: folder, outputFile });
  await untilUp(one, outputFile, () => accepts(port));
  return {
    origin: `http://127.0.0.1:${port}`,
    pid: one.pid,
    token: () => Promise.resolve(STRANGE_TOKEN),
    close: () => one.stop(),
  };
}

/** As many fields as Switchyard's access log has, and written in batches as that is. */
const LOGGING = `log_format json escape=json '{"time":"$time_iso8601","method":"$request_method","path":"$uri",'
    '"status":$status,"seconds":$request_time,"bytesIn":$request_length,"bytesOut":$body_bytes_sent,'
    '"client":"$remote_addr","requestId":"$request_id","to":"$upstream_addr"}';
  access_log access.log json buffer=64k flush=1s;`;

/** What Switchyard sends on, as far as nginx can: where a request came from, a request id, no identity from outside. */
const FORWARDING = `proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Host $host;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header Forwarded "for=$remote_addr;host=\\"$host\\";proto=$scheme";
      proxy_set_header X-Request-Id $request_id;
      proxy_set_header X-Switchyard-Identity "";`;

interface NginxDuties {
  readonly isForwarding: boolean;
  readonly isLogging: boolean;
}

const nginxConfiguration = (
  port: number,
  upstreamPorts: readonly number[],
  duties: NginxDuties,
): string => `${NGINX_HEAD}http {
  ${duties.isLogging ? LOGGING : 'access_log off;'}
  ${NGINX_HTTP}
  upstream service {
    ${duties.isForwarding ? 'zone service 64k;\n    random two least_conn;' : ''}
${upstreamPorts.map((one) => `    server 127.0.0.1:${one};\n`).join('')}    keepalive 256;
    keepalive_requests 1000000000;
    keepalive_timeout 1h;
  }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    client_body_buffer_size 128k;
    proxy_buffers 16 16k;
    proxy_buffer_size 16k;
    proxy_busy_buffers_size 128k;
    location / {
      proxy_pass http://service;
      proxy_http_version 1.1;
      proxy_set_header Host $host;
      proxy_set_header Connection "";
      ${duties.isForwarding ? FORWARDING : ''}
    }
  }
}
`;

const haproxyConfiguration = (port: number, upstreamPorts: readonly number[]): string => `global
  nbthread 1
  maxconn 8192
defaults
  mode http
  timeout connect 5s
  timeout client 1h
  timeout server 1h
  option http-keep-alive
  http-reuse always
frontend door
  bind 127.0.0.1:${port}
  default_backend service
backend service
  balance roundrobin
${upstreamPorts.map((one, index) => `  server upstream-${index} 127.0.0.1:${one} pool-max-conn 256\n`).join('')}`;

const nginx = (name: string, says: string, duties: NginxDuties): Contestant => ({
  name,
  says,
  family: 'native',
  open: (at) =>
    open(at, {
      name,
      file: 'nginx.conf',
      configuration: (port, upstreamPorts) => nginxConfiguration(port, upstreamPorts, duties),
      command: (folder) => ['nginx', ...nginxWords(folder)],
    }),
});

const haproxy: Contestant = {
  name: 'haproxy',
  says: 'HAProxy',
  family: 'native',
  open: (at) =>
    open(at, {
      name: 'haproxy',
      file: 'haproxy.cfg',
      configuration: haproxyConfiguration,
      command: () => ['haproxy', '-db', '-f', 'haproxy.cfg'],
    }),
};

export const nativeProxies: readonly Contestant[] = [
  nginx('nginx', 'nginx, bare', { isForwarding: false, isLogging: false }),
  nginx('nginx-duties', 'nginx, forwarding headers, balancing by load', { isForwarding: true, isLogging: false }),
  nginx('nginx-log', 'nginx, the same and an access log', { isForwarding: true, isLogging: true }),
  haproxy,
];
