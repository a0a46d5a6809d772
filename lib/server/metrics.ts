import { subscribe, unsubscribe } from 'node:diagnostics_channel';

import type { EmotionRecognizer } from '../recognition/recognizer.js';
import type { RecognitionResult } from '../recognition/result.js';
import { events, type RunEvent } from '../shared/events.js';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from '../vendor/server.js';

/** Buckets of histograms, in seconds. */
const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

type Span = 'queueMs' | 'decodeMs' | 'inferenceMs';

/** The kind of credential that was rejected. */
export type AuthFailure = 'bearer' | 'login' | 'cookie';

/** Metrics for Prometheus. Batches of other recognizers in the process count too, because they share its processors. */
export class ServerMetrics {
  readonly #registry = new Registry();
  readonly #recognizer: EmotionRecognizer;
  readonly #uploads: () => number;
  readonly #requests: Histogram;
  readonly #rejections: Counter;
  readonly #authFailures: Counter;
  readonly #audio: Counter;
  readonly #emotions: Counter;
  readonly #timings: Record<Span, Histogram>;
  readonly #gauges: Record<'queued' | 'running' | 'loaded' | 'audioBytes' | 'uploadBytes', Gauge>;
  readonly #onRun: (event: unknown) => void;

  /** @param uploads returns the bytes of uploads that are in memory */
  constructor(recognizer: EmotionRecognizer, uploads: () => number) {
    this.#recognizer = recognizer;
    this.#uploads = uploads;
    const registers = [this.#registry];
    collectDefaultMetrics({ register: this.#registry });
    const histogram = (name: string, help: string, buckets = SECONDS, labelNames: string[] = []) =>
      new Histogram({ name: `emotion2vec_${name}`, help, buckets, labelNames, registers });
    const gauge = (name: string, help: string) => new Gauge({ name: `emotion2vec_${name}`, help, registers });
    this.#requests = histogram('http_request_seconds', 'HTTP requests', SECONDS, ['method', 'route', 'status']);
    this.#rejections = new Counter({
      name: 'emotion2vec_rejections_total',
      help: 'Requests that were refused or failed, by error code',
      labelNames: ['reason'],
      registers,
    });
    this.#authFailures = new Counter({
      name: 'emotion2vec_auth_failures_total',
      help: 'Wrong bearer tokens, wrong tokens at login, and cookies without a session',
      labelNames: ['kind'],
      registers,
    });
    for (const kind of ['bearer', 'login', 'cookie'] satisfies AuthFailure[]) this.#authFailures.inc({ kind }, 0);
    this.#audio = new Counter({
      name: 'emotion2vec_audio_seconds_total',
      help: 'Seconds of recognized audio',
      registers,
    });
    this.#emotions = new Counter({
      name: 'emotion2vec_clips_total',
      help: 'Recognized clips, by emotion',
      labelNames: ['emotion'],
      registers,
    });
    this.#timings = {
      queueMs: histogram('queue_seconds', 'Time that a clip waits for the model and in the queue'),
      decodeMs: histogram('decode_seconds', 'Time to read, decode and resample a clip'),
      inferenceMs: histogram('inference_seconds', 'Time that the model takes for a clip'),
    };
    this.#gauges = {
      queued: gauge('queue_depth', 'Clips that wait in the queue'),
      running: gauge('running', 'Clips that the model is processing'),
      loaded: gauge('model_loaded', 'Whether the model is loaded'),
      audioBytes: gauge('audio_bytes', 'Bytes of decoded audio that wait for the model'),
      uploadBytes: gauge('upload_bytes', 'Bytes of uploads that wait in memory'),
    };
    const batchSize = histogram('batch_size', 'Clips, or windows of long ones, in a batch', [1, 2, 4, 8, 16, 32]);
    this.#onRun = (event) => batchSize.observe((event as RunEvent).clips);
    subscribe(events.run.name, this.#onRun);
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** Returns all metrics as text. Reads the status of the recognizer once, because that queries the memory of a CUDA device. */
  text(): Promise<string> {
    const { model, requests, memory } = this.#recognizer.status();
    this.#gauges.queued.set(requests.queued);
    this.#gauges.running.set(requests.running);
    this.#gauges.loaded.set(Number(model.state === 'loaded'));
    this.#gauges.audioBytes.set(memory.audioBytes);
    this.#gauges.uploadBytes.set(this.#uploads());
    return this.#registry.metrics();
  }

  request(method: string, route: string, status: number, seconds: number): void {
    this.#requests.observe({ method, route, status }, seconds);
  }

  rejected(reason: string): void {
    this.#rejections.inc({ reason });
  }

  authFailed(kind: AuthFailure): void {
    this.#authFailures.inc({ kind });
  }

  /** Adds the metrics of connections. The plugin in a user's own Fastify server does not have them. */
  watchConnections(connections: { readonly open: number; readonly dropped: number }): void {
    const registers = [this.#registry];
    new Gauge({
      name: 'emotion2vec_connections',
      help: 'Open connections',
      registers,
      collect() {
        this.set(connections.open);
      },
    });
    new Counter({
      name: 'emotion2vec_connections_dropped_total',
      help: 'Connections that were closed because there were too many',
      registers,
      collect() {
        this.reset();
        this.inc(connections.dropped);
      },
    });
  }

  recognized({ emotion, duration, timing }: RecognitionResult): void {
    this.#emotions.inc({ emotion });
    this.#audio.inc(duration);
    for (const [key, histogram] of Object.entries(this.#timings)) {
      histogram.observe(timing[key as Span] / 1000);
    }
  }

  close(): void {
    unsubscribe(events.run.name, this.#onRun);
    this.#registry.clear();
  }
}
