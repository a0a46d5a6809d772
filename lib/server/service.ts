import { statSync } from 'node:fs';
import type { FastifyRequest, FastifySchemaCompiler } from 'fastify';
import { validatorCompiler } from 'fastify-type-provider-zod';
import type * as z from '../vendor/zod.js';

import { messageOf } from '../shared/errors.js';
import { inUse, type ModelCard } from '../model/card.js';
import type { EmotionRecognizer } from '../recognition/recognizer.js';
import { Clips } from './clips.js';
import { answerTo, type ErrorAnswer } from './errors.js';
import { ServerMetrics } from './metrics.js';
import type { ApiSettings } from './options.js';
import { ResultStore } from './result-store.js';
import { Retention } from './retention.js';
import { type ClipResult, errorResult, type ServerStatus } from './schemas.js';
import { Spool } from './spool.js';

/** Answers of a server that has much to do: nothing is wrong. */
const EXPECTED: ReadonlySet<string> = new Set(['ERR_QUEUE_FULL', 'ERR_BUSY', 'ERR_TIMEOUT', 'ERR_CLOSED']);

export interface ServedModel {
  /** What it is called in URLs. */
  name: string;
  file: string;
  card: ModelCard;
}

export interface ServiceSurroundings {
  /** Of all paths. */
  prefix: string;
  version: string;
  /** Of what happens in the background. */
  onError: (error: unknown) => void;
  /** Of what in the output folder is no result. */
  onRubbish: (error: Error) => void;
}

/** What the routes share. */
export class Service {
  readonly clips: Clips;
  /** False from when the server shuts down, or until what it was told to warm is warm. */
  ready = true;

  private constructor(
    readonly recognizer: EmotionRecognizer,
    readonly model: ServedModel,
    readonly limits: ApiSettings['limits'],
    readonly spool: Spool,
    readonly metrics: ServerMetrics,
    readonly store: ResultStore | undefined,
    readonly retention: Retention | undefined,
    /** Of all paths. */
    readonly prefix: string,
    private readonly keep: ApiSettings['keep'],
    readonly version: string,
  ) {
    const kept = store && retention && { store, retention };
    this.clips = new Clips(recognizer, limits, metrics, kept);
  }

  /** @throws EmotionError ERR_FILE_WRITE where results cannot be kept */
  static async open(
    recognizer: EmotionRecognizer,
    model: ServedModel,
    { limits, output, keep }: ApiSettings,
    { prefix, version, onError, onRubbish }: ServiceSurroundings,
  ): Promise<Service> {
    const store = keep === null ? undefined : await ResultStore.open(output, onRubbish);
    const retention = store && keep ? new Retention(store, keep, onError) : undefined;
    retention?.start();
    const spool = new Spool(output, limits.uploadBytes);
    const metrics = new ServerMetrics(recognizer, () => spool.heldBytes);
    return new Service(recognizer, model, limits, spool, metrics, store, retention, prefix, keep, version);
  }

  get keepsResults(): boolean {
    return this.store !== undefined;
  }

  /** With where the rest of it is. */
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

  /** What a client hears of an error, which is counted and logged: with its cause where it is ours, in a line where it is his. */
  failure(error: unknown, { log }: FastifyRequest): ErrorAnswer {
    const answer = answerTo(error);
    const { status, code } = answer;
    this.metrics.rejected(code);
    if (status >= 500 && !EXPECTED.has(code)) log.error({ err: error, code }, messageOf(error));
    else log.info({ code }, messageOf(error));
    return answer;
  }

  /** The responses of a route that fails in these ways. */
  errors<S extends number>(...statuses: S[]): Record<S, typeof errorResult> {
    return Object.fromEntries(statuses.map((status) => [status, errorResult])) as Record<S, typeof errorResult>;
  }

  /** For routes that read their bodies themselves: what the schema says of them is documentation. */
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
      calls: { queued, running, done },
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
