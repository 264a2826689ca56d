/** The JSON Schema of `switchyard.yaml`, made from the contract: for editors, and to name what is allowed at a place. */
import { yardFile } from '@switchyard/contracts/yard-file';
import { z } from 'zod';
import type { YardPath } from './yard-fault.ts';

/** Where editors find it; `yard init` writes it into the first line of a yard file. */
export const SCHEMA_FILE = 'docs/api/switchyard.schema.json';

interface SchemaNode {
  readonly description?: string;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly additionalProperties?: SchemaNode | boolean;
  readonly items?: SchemaNode | boolean;
  readonly anyOf?: readonly SchemaNode[];
}

/** JSON Schema 2020-12 of what may be written. Rules that look at two places at once are `yard check`'s alone. */
export function yardFileJsonSchema(): Record<string, unknown> {
  const made = z.toJSONSchema(yardFile, { io: 'input' });
  const services = made.properties!['services'] as { additionalProperties: { properties: Record<string, Written> } };
  const service = services.additionalProperties.properties;
  // what the generator cannot see through the contract's transformations: a bare path stands for its policy, defaults are milliseconds
  const policy = service['routes']!.items!;
  service['routes']!.items = { anyOf: [policy.properties!['path']!, policy] };
  service['startTimeout']!.default = '30s';
  service['stopGrace']!.default = '10s';
  service['bake']!.default = '30s';
  service['drainTimeout']!.default = '30s';
  return made;
}

interface Written {
  items?: Written;
  anyOf?: Written[];
  properties?: Record<string, Written>;
  default?: unknown;
}

let schema: SchemaNode | null = null;

/** Keys that may be written in the object at `path`; none where any key may be. */
export function keysAllowedAt(path: YardPath): readonly string[] {
  schema ??= yardFileJsonSchema() as SchemaNode;
  let node: SchemaNode | undefined = schema;
  for (const part of path) {
    const objects: readonly SchemaNode[] = node?.anyOf ?? (node === undefined ? [] : [node]);
    node = objects.map((object) => inside(object, part)).find((found) => found !== undefined);
  }
  const object = [node, ...(node?.anyOf ?? [])].find((candidate) => candidate?.properties !== undefined);
  return Object.keys(object?.properties ?? {});
}

function inside(node: SchemaNode, part: string | number): SchemaNode | undefined {
  const next = typeof part === 'number' ? node.items : (node.properties?.[part] ?? node.additionalProperties);
  return typeof next === 'object' ? next : undefined;
}
