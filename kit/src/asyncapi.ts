/** Makes the AsyncAPI 3 document of what a service says by messages: the events of its log, and the messages that it answers. */
import { cloudEvent } from '@switchyard/contracts/event';
import type { EventContracts } from '@switchyard/contracts/event';
import type { z } from 'zod';
import { JsonSchemas } from './json-schemas.ts';

/** A request-response pattern that a service answers. */
export interface MessageContract {
  readonly pattern: string;
  readonly summary: string;
  readonly request: z.ZodType;
  readonly answer: z.ZodType;
}

export interface AsyncApiOptions {
  readonly title: string;
  readonly version: string;
  readonly description?: string;
  readonly events: EventContracts;
  readonly messages?: Readonly<Record<string, MessageContract>>;
}

export interface AsyncApiDocument {
  readonly asyncapi: '3.0.0';
  readonly info: object;
  readonly channels: Readonly<Record<string, object>>;
  readonly operations: Readonly<Record<string, object>>;
  readonly components: { readonly messages: Readonly<Record<string, object>>; readonly schemas: object };
}

const envelopeSchema = cloudEvent.meta({ id: 'CloudEvent' });

/** Events are one channel, since they are one log; each request-response pattern is one of its own. */
export function asyncApiDocument(options: AsyncApiOptions): AsyncApiDocument {
  const schemas = new JsonSchemas('#/components/schemas/');
  const envelope = schemas.of(envelopeSchema, 'output');
  const messages: Record<string, object> = {};
  const channels: Record<string, object> = {};
  const operations: Record<string, object> = {};
  const eventNames = Object.keys(options.events);
  for (const [name, event] of Object.entries(options.events))
    messages[name] = {
      name: event.type,
      summary: event.summary,
      description: `Subject: ${event.subject}. Sequences of a subject have no gap. \`data\` is null once it was erased with its account.`,
      contentType: 'application/cloudevents+json',
      payload: {
        allOf: [
          envelope,
          {
            type: 'object',
            properties: {
              type: { const: event.type },
              data: { anyOf: [schemas.of(event.data, 'output'), { type: 'null' }] },
            },
          },
        ],
      },
    };
  if (eventNames.length > 0) {
    channels['events'] = {
      address: '/internal/events',
      description: 'Read by GET with a cursor (see the OpenAPI document), or through a broker',
      messages: referTo(eventNames),
    };
    operations['publishEvents'] = { action: 'send', channel: { $ref: '#/channels/events' } };
  }
  for (const [name, message] of Object.entries(options.messages ?? {})) {
    messages[`${name}Request`] = { name: message.pattern, payload: schemas.of(message.request, 'input') };
    messages[`${name}Answer`] = { name: `${message.pattern} answer`, payload: schemas.of(message.answer, 'output') };
    channels[name] = { address: message.pattern, messages: referTo([`${name}Request`, `${name}Answer`]) };
    operations[name] = {
      action: 'receive',
      summary: message.summary,
      channel: { $ref: `#/channels/${name}` },
      messages: [{ $ref: `#/channels/${name}/messages/${name}Request` }],
      reply: {
        channel: { $ref: `#/channels/${name}` },
        messages: [{ $ref: `#/channels/${name}/messages/${name}Answer` }],
      },
    };
  }
  return {
    asyncapi: '3.0.0',
    info: {
      title: options.title,
      version: options.version,
      ...(options.description === undefined ? {} : { description: options.description }),
    },
    channels,
    operations,
    components: { messages, schemas: schemas.named() },
  };
}

const referTo = (names: readonly string[]): Record<string, object> =>
  Object.fromEntries(names.map((name) => [name, { $ref: `#/components/messages/${name}` }]));
