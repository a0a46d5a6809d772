import { statSync } from 'node:fs';

import { inUse, type ModelCard } from '../model/card.js';
import type { EmotionRecognizer } from '../recognition/recognizer.js';
import { messageOf } from '../shared/errors.js';
import type { FastifyRequest, FastifySchemaCompiler } from '../vendor/server.js';
import type * as z from '../vendor/zod.js';
import { Clips } from './clips.js';
import { answerTo, type ErrorAnswer, validatorCompiler } from './errors.js';
import { ServerMetrics } from './metrics.js';
import type { ApiSettings } from './options.js';
import { ResultStore } from './result-store.js';
import { Retention } from './retention.js';
import { type ClipResult, errorResult } from './schemas/results.js';
import type { ServerStatus } from './schemas/status.js';
import { Spool } from './spool.js';

/** Errors of a server under load or during shutdown. They are not logged as errors. */
const EXPECTED: ReadonlySet<string> = new Set(['ERR_QUEUE_FULL', 'ERR_BUSY', 'ERR_TIMEOUT', 'ERR_CLOSED']);

export interface ServedModel {
  /** Name of the model in URLs. */
  name: string;
  file: string;
  card: ModelCard;
}

export interface ServiceContext {
  /** Prefix of all paths. */
  prefix: string;
  version: string;
  /** Receives errors of background work. */
  onError: (error: unknown) => void;
  /** Receives one error for each file in the output folder whose content does not match its name. */
  onInvalidFile: (error: Error) => void;
}

/** The state and the helpers that the routes share. */
export class Service {
  readonly clips: Clips;
  /** False while the model warms up at the start, and from the beginning of the shutdown. */
  ready = true;

  private constructor(
    readonly recognizer: EmotionRecognizer,
    readonly model: ServedModel,
    readonly limits: ApiSettings['limits'],
    readonly spool: Spool,
    readonly metrics: ServerMetrics,
    readonly store: ResultStore | undefined,
    readonly retention: Retention | undefined,
    /** Prefix of all paths. */
    readonly prefix: string,
    private readonly keep: ApiSettings['keep'],
    readonly version: string,
  ) {
    const kept = store && retention && { store, retention };
    this.clips = new Clips(recognizer, limits, metrics, kept);
  }

  /** @throws EmotionError ERR_FILE_WRITE if results cannot be kept */
  static async open(
    recognizer: EmotionRecognizer,
    model: ServedModel,
    { limits, output, keep }: ApiSettings,
    { prefix, version, onError, onInvalidFile }: ServiceContext,
  ): Promise<Service> {
    const store = keep === null ? undefined : await ResultStore.open(output, onInvalidFile);
    const retention = store && keep ? new Retention(store, keep, onError) : undefined;
    retention?.start();
    const spool = new Spool(output, limits.uploadBytes);
    const metrics = new ServerMetrics(recognizer, () => spool.heldBytes);
    return new Service(recognizer, model, limits, spool, metrics, store, retention, prefix, keep, version);
  }

  get keepsResults(): boolean {
    return this.store !== undefined;
  }

  /** Adds the URLs of a result and its files. */
  withLinks(result: ClipResult): ClipResult {
    if (result.id === null) return result;
    const self = `${this.prefix}/api/results/${result.id}`;
    const embedding = result.embeddingShape && { embedding: `${self}/embedding.npy` };
    return { ...result, links: { self, ...embedding, processedAudio: `${self}/processed_audio.wav` } };
  }

  batchLinks(id: string): Record<'csv' | 'ndjson' | 'zip', string> {
    const base = `${this.prefix}/api/batch/${id}`;
    return { csv: `${base}/csv`, ndjson: `${base}/ndjson`, zip: `${base}/zip` };
  }

  /**
   * Counts and logs an error, and returns the answer. Errors of the server are logged with their stack, those of
   * clients in one line.
   */
  failure(error: unknown, { log }: FastifyRequest): ErrorAnswer {
    const answer = answerTo(error);
    const { status, code } = answer;
    this.metrics.rejected(code);
    if (status >= 500 && !EXPECTED.has(code)) log.error({ err: error, code }, messageOf(error));
    else log.info({ code }, messageOf(error));
    return answer;
  }

  /** Returns the schemas of responses with these statuses. */
  errors<S extends number>(...statuses: S[]): Record<S, typeof errorResult> {
    return Object.fromEntries(statuses.map((status) => [status, errorResult])) as Record<S, typeof errorResult>;
  }

  /** For routes that parse their bodies themselves and have a body schema for documentation only. */
  readonly validateAllButBody: FastifySchemaCompiler<z.ZodType> = (route) =>
    route.httpPart === 'body' ? (value: unknown) => ({ value }) : validatorCompiler(route);

  status(): ServerStatus {
    const { model, requests, memory } = this.recognizer.status();
    const { name, file, card } = this.model;
    const { queued, running, done } = requests;
    const { rssBytes, audioBytes } = memory;
    const { uploadBytes, duration, files } = this.limits;
    return {
      version: this.version,
      ready: this.ready,
      model: {
        name,
        state: model.state,
        ...(model.state === 'loading' && { fraction: model.fraction }),
        ...(model.state === 'loaded' && { precision: model.precision, device: model.device, threads: model.threads }),
        labels: card.labels.map((label) => ({ name: label.name, en: label.en, zh: label.zh, unused: !inUse(label) })),
        bytes: statSync(file, { throwIfNoEntry: false })?.size ?? 0,
      },
      memory: { rssBytes, audioBytes },
      requests: { queued, running, done },
      limits: { uploadBytes, duration, files },
      results: { kept: this.keepsResults, seconds: this.keep?.seconds ?? null, bytes: this.keep?.bytes ?? null },
    };
  }

  async close(): Promise<void> {
    this.metrics.close();
    await this.store?.settled();
    await this.retention?.stop();
    await this.spool.close();
  }
}
