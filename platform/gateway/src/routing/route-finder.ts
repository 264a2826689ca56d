/** Finds the route of a path: the longest prefix that ends on a segment border. */
import type { RoutePolicy } from '@switchyard/contracts/route';
import type { Service } from './service.ts';

export interface CompiledRoute {
  readonly policy: RoutePolicy;
  /** null: the gateway's own interface. */
  readonly service: Service | null;
}

export class RouteFinder {
  private readonly byPrefix: ReadonlyMap<string, CompiledRoute>;
  private readonly root: CompiledRoute | null;
  /** Segments of the longest prefix: deeper slashes of a path need not be looked at. */
  private readonly depth: number;

  /** Where two routes have the same path, the first one stands. */
  constructor(routes: readonly CompiledRoute[]) {
    const byPrefix = new Map<string, CompiledRoute>();
    let depth = 0;
    for (const route of routes) {
      const { path } = route.policy;
      if (!byPrefix.has(path)) byPrefix.set(path, route);
      depth = Math.max(depth, path.split('/').length - 1);
    }
    this.byPrefix = byPrefix;
    this.root = byPrefix.get('/') ?? null;
    this.depth = depth;
  }

  get routes(): IterableIterator<CompiledRoute> {
    return this.byPrefix.values();
  }

  /** `path` is normalised. */
  find(path: string): CompiledRoute | null {
    let found = this.root;
    let end = 0;
    for (let segment = 0; segment < this.depth && end !== -1; segment += 1) {
      end = path.indexOf('/', end + 1);
      const route = this.byPrefix.get(end === -1 ? path : path.slice(0, end));
      if (route !== undefined) found = route;
    }
    return found;
  }
}
