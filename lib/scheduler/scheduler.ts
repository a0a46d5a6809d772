import { onAbort } from '../shared/abort.js';
import { EmotionError } from '../shared/errors.js';
import { Dispatcher, type Request } from './dispatcher.js';
import { Metrics, type RequestStatistics } from './metrics.js';
import type { RequestContext, RequestOptions } from './run.js';

/** Limits the number of requests under way, enforces their deadlines, and counts them. */
export class Scheduler<C, R> {
  readonly metrics = new Metrics();
  readonly #maxRequests: number;
  readonly #requests = new Set<Request>();
  readonly #dispatcher: Dispatcher<C, R>;
  /** Called when a request ends, and when the scheduler begins to refuse requests. */
  #onEnd: (() => void)[] = [];
  #refusing = false;

  constructor({ maxRequests, batchDelayMs = 0 }: { maxRequests: number; batchDelayMs?: number }) {
    this.#maxRequests = maxRequests;
    this.#dispatcher = new Dispatcher({ batchDelayMs, onBatch: (size) => this.metrics.batchSize.record(size) });
  }

  /** Number of requests under way. */
  get pending(): number {
    return this.#requests.size;
  }

  get statistics(): RequestStatistics {
    let running = 0;
    for (const request of this.#requests) running += Number(request.running > 0);
    return this.metrics.read(this.#requests.size - running, running);
  }

  /**
   * Runs a request. It settles as soon as its signal aborts or its deadline passes, even if `body` continues.
   * @throws EmotionError ERR_QUEUE_FULL, ERR_TIMEOUT, ERR_CLOSED; the signal's reason; what `body` throws
   */
  async request<T>(
    body: (context: RequestContext<C, R>) => Promise<T>,
    { signal, timeoutMs, priority = 0, wait = false }: RequestOptions = {},
  ): Promise<T> {
    while (wait && this.#isFull() && !this.#refusing && !signal?.aborted) await this.#nextEnd(signal);
    const request = this.#admit(priority, signal); // nothing may be awaited between the last check and this
    const { controller } = request;
    const unfollow = signal && onAbort(signal, () => controller.abort(signal.reason));
    const timer = timeoutMs === undefined ? undefined : abortAfter(controller, timeoutMs);
    try {
      const run: RequestContext<C, R>['run'] = (...clip) => this.#dispatcher.run(request, ...clip);
      const result = await Promise.race([body({ signal: controller.signal, run }), rejection(controller.signal)]);
      this.metrics.counts.done++;
      return result;
    } catch (error) {
      request.failed ||= !controller.signal.aborted;
      this.metrics.counts[request.failed ? 'failed' : 'cancelled']++;
      controller.abort(error); // the other clips of a request that failed are not needed any more
      throw error;
    } finally {
      clearTimeout(timer);
      unfollow?.();
      this.#requests.delete(request);
      this.#notifyEnd();
    }
  }

  /** Refuses further requests, and waits for those under way. */
  async drain(): Promise<void> {
    this.#refusing = true;
    this.#notifyEnd();
    while (this.#requests.size > 0) await this.#nextEnd();
  }

  /** Refuses further requests, and ends those under way with ERR_CLOSED. */
  close(): void {
    this.#refusing = true;
    this.#dispatcher.stop();
    for (const { controller } of this.#requests) controller.abort(closedError());
    this.#notifyEnd();
  }

  #isFull(): boolean {
    return this.#requests.size >= this.#maxRequests;
  }

  /** @throws EmotionError ERR_QUEUE_FULL, ERR_CLOSED; the signal's reason */
  #admit(priority: number, signal: AbortSignal | undefined): Request {
    if (this.#refusing) throw closedError();
    signal?.throwIfAborted();
    if (this.#isFull()) {
      this.metrics.counts.rejected++;
      throw new EmotionError('ERR_QUEUE_FULL', `All ${this.#maxRequests} requests that maxQueue allows are under way`);
    }
    const request = { controller: new AbortController(), priority, running: 0, failed: false };
    this.#requests.add(request);
    return request;
  }

  #nextEnd(signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const unfollow = signal && onAbort(signal, resolve);
      this.#onEnd.push(() => (unfollow?.(), resolve()));
    });
  }

  #notifyEnd(): void {
    for (const listener of this.#onEnd.splice(0)) listener();
  }
}

function abortAfter(controller: AbortController, timeoutMs: number): NodeJS.Timeout {
  const abort = (): void => {
    controller.abort(new EmotionError('ERR_TIMEOUT', `The request took longer than ${timeoutMs} ms`));
  };
  return setTimeout(abort, timeoutMs);
}

function closedError(): EmotionError {
  return new EmotionError('ERR_CLOSED', 'The recognizer was closed');
}

function rejection(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    onAbort(signal, () => reject(signal.reason as Error));
  });
}
