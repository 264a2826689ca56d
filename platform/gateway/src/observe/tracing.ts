/** Sends the gateway's part of the traces that are kept, one span a request, to a collector: if one is configured. */
import type { GatewaySettings } from '@switchyard/contracts/gateway-settings';
import type { Logger } from '@switchyard/kit/log';
import type { Exchange } from '../exchange.ts';
import { Sampling } from './sampling.ts';

export type TracingSettings = NonNullable<GatewaySettings['tracing']>;

export interface TracingOptions {
  readonly settings: TracingSettings;
  readonly who: Readonly<Record<'service' | 'deployment' | 'instance', string>>;
  readonly log: Logger;
  /** How many spans the collector took, and how many were given up: it was away, too slow, or refused them. */
  readonly count: (outcome: 'exported' | 'dropped', spans: number) => void;
}

export interface Tracing {
  /** The request has ended. Nothing happens when its trace is not kept. */
  record(exchange: Exchange, durationMs: number): void;
  /** What waits is sent yet, within a few seconds; then nothing any more. */
  stop(): Promise<void>;
}

/** The share of traces beginning here whose flag says that they are kept: without a collector all, so that services decide. */
export const samplingOf = (settings: TracingSettings | undefined): Sampling => new Sampling(settings?.sample ?? 1);

/** null when nothing is configured: then OpenTelemetry's libraries are not even loaded. */
export async function openTracing(
  options: Omit<TracingOptions, 'settings'> & {
    readonly settings: TracingSettings | undefined;
  },
): Promise<Tracing | null> {
  const { settings } = options;
  if (settings === undefined) return null;
  const { OtlpTracing } = await import('./otlp-tracing.ts');
  return new OtlpTracing({ ...options, settings });
}
