/** JSON Schemas (draft 2020-12) of zod schemas; those with an id are gathered as components and referred to. */
import { z } from 'zod';

export type JsonSchema = Readonly<Record<string, unknown>>;

export class JsonSchemas {
  private readonly components = new Map<string, JsonSchema>();
  private readonly prefix: string;

  /** `prefix` is where components are, `#/components/schemas/`. */
  constructor(prefix: string) {
    this.prefix = prefix;
  }

  /** As it is sent: `input` before defaults and transformations, `output` after them. A schema with an id comes back as a reference. */
  of(schema: z.ZodType, io: 'input' | 'output'): JsonSchema {
    const made = z.toJSONSchema(schema, {
      target: 'draft-2020-12',
      io,
      unrepresentable: 'any',
      // what is received may have more than is known today (additive evolution), so output objects stay open
      override: ({ zodSchema, jsonSchema }) => {
        if (io === 'output' && zodSchema._zod.def.type === 'object') delete jsonSchema.additionalProperties;
      },
    }) as Record<string, unknown>;
    const { $schema: _, $defs, ...rest } = made;
    for (const [id, definition] of Object.entries(($defs ?? {}) as Record<string, JsonSchema>))
      this.add(id, definition);
    return this.relocated(rest) as JsonSchema;
  }

  /** The components so far, by name. */
  named(): Record<string, JsonSchema> {
    return Object.fromEntries([...this.components].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  private add(id: string, definition: JsonSchema): void {
    const component = this.relocated(definition) as JsonSchema;
    const known = this.components.get(id);
    if (known === undefined) this.components.set(id, component);
    else if (JSON.stringify(known) !== JSON.stringify(component))
      throw new Error(`two different schemas have the id ${id}`);
  }

  /** `#/$defs/User` -> `#/components/schemas/User`. */
  private relocated(value: unknown): unknown {
    if (Array.isArray(value)) return value.map((item) => this.relocated(item));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, inner]) => [
        key,
        key === '$ref' && typeof inner === 'string' ? inner.replace('#/$defs/', this.prefix) : this.relocated(inner),
      ]),
    );
  }
}
