import { PassThrough } from 'node:stream';

import type { FastifyReply } from '../vendor/server.js';

/** Interval of the comments that keep a silent stream open. Proxies close silent streams after a minute. */
const HEARTBEAT_MS = 15_000;

/** Server-sent events: https://html.spec.whatwg.org/multipage/server-sent-events.html */
export class EventStream {
  readonly #body = new PassThrough();
  readonly #heartbeat = setInterval(() => this.#write(': keep-alive\n\n'), HEARTBEAT_MS);

  /** Begins the answer and sends its headers at once. */
  constructor(reply: FastifyReply) {
    this.#body.on('close', () => clearInterval(this.#heartbeat));
    void reply
      .code(200)
      .type('text/event-stream')
      .header('cache-control', 'no-store')
      .header('x-accel-buffering', 'no') // nginx would buffer the events
      .send(this.#body);
    this.#write(': begin\n\n');
  }

  /** Sends a progress event, unless the client is reading too slowly: progress events may be dropped. */
  progress(data: unknown): void {
    if (!this.#body.writableNeedDrain) void this.send('progress', data);
  }

  /** Sends an event. Resolves when the client has caught up, so that a caller that awaits it does not fill the memory. */
  async send(event: string, data: unknown): Promise<void> {
    this.#write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
    if (this.#body.writableNeedDrain && !this.#body.destroyed) {
      await new Promise<void>((resolve) => this.#body.once('drain', resolve).once('close', resolve));
    }
  }

  end(): void {
    clearInterval(this.#heartbeat);
    this.#body.end();
  }

  #write(text: string): void {
    if (this.#body.writable && !(this.#body.writableNeedDrain && text.startsWith(':'))) this.#body.write(text);
  }
}

/** Returns whether a client prefers events to JSON. */
export function acceptsEvents(accept: string | undefined): boolean {
  return accept?.includes('text/event-stream') === true;
}
