import { PassThrough } from 'node:stream';
import type { FastifyReply } from 'fastify';

/** Proxies close what is silent for a minute. */
const BEAT_MS = 15_000;

/** Server-sent events: https://html.spec.whatwg.org/multipage/server-sent-events.html */
export class EventStream {
  readonly #body = new PassThrough();
  readonly #beat = setInterval(() => this.#write(': still here\n\n'), BEAT_MS);

  /** Begins the answer. Its headers go out at once. */
  constructor(reply: FastifyReply) {
    this.#body.on('close', () => clearInterval(this.#beat));
    void reply
      .code(200)
      .type('text/event-stream')
      .header('cache-control', 'no-store')
      .header('x-accel-buffering', 'no') // nginx would hold events back
      .send(this.#body);
    this.#write(': welcome\n\n');
  }

  /** Says how far something is: nothing to wait for, and nothing that a client which is behind needs. */
  progress(data: unknown): void {
    if (!this.#body.writableNeedDrain) void this.send('progress', data);
  }

  /** Resolves when the client keeps up: whoever awaits it holds no more than the client takes. */
  async send(event: string, data: unknown): Promise<void> {
    this.#write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
    if (this.#body.writableNeedDrain && !this.#body.destroyed) {
      await new Promise<void>((resolve) => this.#body.once('drain', resolve).once('close', resolve));
    }
  }

  end(): void {
    clearInterval(this.#beat);
    this.#body.end();
  }

  #write(text: string): void {
    if (this.#body.writable && !(this.#body.writableNeedDrain && text.startsWith(':'))) this.#body.write(text);
  }
}

/** Whether a client asks for events rather than for JSON. */
export function wantsEvents(accept: string | undefined): boolean {
  return accept?.includes('text/event-stream') === true;
}
