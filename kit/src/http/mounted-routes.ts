/** Reads from an Express application which routes are mounted in it. */
import type { Express } from 'express';

/** The parts of Express 5's router that it does not declare. */
interface Layer {
  readonly route?: { readonly path: unknown; readonly methods: Readonly<Record<string, boolean>> };
  readonly handle: { readonly stack?: readonly Layer[] };
  readonly slash: boolean;
  match(path: string): boolean;
}

/** Methods that have a route at this path, HEAD with GET; sorted. Routers mounted below a path are not looked into. */
export function allowedMethods(application: Express, path: string): string[] {
  const methods = new Set<string>();
  for (const layer of routesOf(application)) {
    if (!matches(layer, path)) continue;
    for (const method of methodsOf(layer)) methods.add(method);
  }
  if (methods.has('GET')) methods.add('HEAD');
  return [...methods].sort();
}

/** `GET /api/users/{handle}` for every route, sorted. */
export function mountedRoutes(application: Express): string[] {
  return routesOf(application)
    .flatMap((layer) =>
      methodsOf(layer).map(
        (method) => `${method} ${String(layer.route!.path).replaceAll(/:([A-Za-z0-9_]+)/g, '{$1}')}`,
      ),
    )
    .sort();
}

function routesOf(application: Express): Layer[] {
  const within = (layers: readonly Layer[]): Layer[] =>
    layers.flatMap((layer) =>
      layer.route !== undefined
        ? [layer]
        : layer.slash && layer.handle.stack !== undefined
          ? within(layer.handle.stack)
          : [],
    );
  return within((application.router as unknown as { stack: readonly Layer[] }).stack);
}

const methodsOf = (layer: Layer): string[] =>
  Object.keys(layer.route!.methods)
    .filter((method) => method !== '_all')
    .map((method) => method.toUpperCase());

function matches(layer: Layer, path: string): boolean {
  try {
    return layer.match(path);
  } catch {
    return false; // a malformed percent encoding
  }
}
