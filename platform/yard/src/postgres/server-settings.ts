/** How the embedded PostgreSQL is started: its argument lists, as pure data. */

/** Of a yard on one machine: several instances of services with a pool of about ten each, all of them twice while swaps overlap. */
const SETTINGS: Readonly<Record<string, string>> = {
  listen_addresses: '127.0.0.1',
  // A socket file's path may have 107 bytes, which a yard deep in a home exceeds.
  unix_socket_directories: '',
  max_connections: '200',
  shared_buffers: '128MB',
  effective_cache_size: '1GB',
  work_mem: '8MB',
  maintenance_work_mem: '64MB',
  random_page_cost: '1.1',
  max_wal_size: '1GB',
  wal_compression: 'on',
  // Compiling and parallel plans cost more than they give for short queries, and shared memory is 64 MB in containers.
  jit: 'off',
  max_parallel_workers_per_gather: '0',
  log_destination: 'stderr',
  logging_collector: 'off',
  log_line_prefix: '%m [%p] %q%u@%d ',
  log_checkpoints: 'off',
  log_timezone: 'UTC',
  timezone: 'UTC',
};

export function serverArguments(data: string, port: number): string[] {
  const settings = { ...SETTINGS, port: String(port) };
  return ['-D', data, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])];
}

/** The built-in locale sorts alike on every machine and depends on no library that an upgrade changes. */
export function initialiseArguments(data: string, user: string, passwordFile: string): string[] {
  return [
    `--pgdata=${data}`,
    `--username=${user}`,
    `--pwfile=${passwordFile}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    '--locale=C',
    '--no-instructions',
  ];
}

/** `postmaster.pid`: the process id in line 1, the port in line 4, the state in line 8 (miscadmin.h of PostgreSQL). */
export function parsePostmasterFile(text: string): { readonly pid: number; readonly port: number } | null {
  const lines = text.split('\n');
  const pid = Number(lines[0]);
  const port = Number(lines[3]);
  return Number.isInteger(pid) && pid > 1 && Number.isInteger(port) && port > 0 ? { pid, port } : null;
}
