/** What a queue must know of a job. */
export interface Queued {
  /** How much work it is, in samples of audio. */
  readonly size: number;
  /** Higher goes first, always. */
  readonly priority: number;
  /** Jobs share a batch only with jobs of the same lane. */
  readonly lane: object;
}

export interface BatchLimits {
  /** Jobs in a batch. */
  maxBatch: number;
  /** Samples in a batch, every job padded to the longest; a job that is larger by itself goes alone. */
  maxPadded: number;
}

/** So much later work, in sizes of its own, may overtake a job. */
const PATIENCE = 4;
/** The shortest job of a batch is at least so much of the longest. */
const LIKENESS = 0.75;

interface Entry<J> {
  job: J;
  /** The job's turn has come when so much work has gone by. */
  due: number;
  arrival: number;
}

/**
 * Who is next. Within a priority, a job is due when work of `PATIENCE` times its own size has gone by since it came: short
 * clips overtake the windows of a long file, and no flood of short clips holds a long one up for longer than that. Jobs of one
 * size go first come, first served.
 */
export class FairQueue<J extends Queued> {
  /** In the order in which they are due. */
  readonly #entries: Entry<J>[] = [];
  /** Work that has gone by, in samples. */
  #clock = 0;
  #arrivals = 0;

  get length(): number {
    return this.#entries.length;
  }

  get head(): J | undefined {
    return this.#entries[0]?.job;
  }

  /** In the order in which they are due. */
  *[Symbol.iterator](): Iterator<J> {
    for (const { job } of this.#entries) yield job;
  }

  push(job: J): void {
    const entry = { job, due: this.#clock + PATIENCE * job.size, arrival: this.#arrivals++ };
    this.#entries.splice(this.#place(entry), 0, entry);
  }

  /** False where the job is not in the queue. */
  remove(job: J): boolean {
    const index = this.#entries.findIndex((entry) => entry.job === job);
    if (index >= 0) this.#entries.splice(index, 1);
    return index >= 0;
  }

  /** The next job, and those behind it that may share its batch: of its lane and priority, and of like size. */
  take({ maxBatch, maxPadded }: BatchLimits): J[] {
    const companions = this.companions({ maxBatch, maxPadded });
    const taken = new Set<J>(companions);
    let kept = 0;
    for (const entry of this.#entries) {
      if (!taken.has(entry.job)) this.#entries[kept++] = entry;
    }
    this.#entries.length = kept;
    for (const job of companions) this.#clock += job.size;
    return companions;
  }

  /** What `take` would give, left in the queue. */
  companions({ maxBatch, maxPadded }: BatchLimits): J[] {
    const first = this.head;
    if (first === undefined) return [];
    const batch = [first];
    let [shortest, longest] = [first.size, first.size];
    for (let i = 1; i < this.#entries.length && batch.length < maxBatch; i++) {
      const { job } = this.#entries[i]!;
      if (job.priority !== first.priority) break;
      const [least, most] = [Math.min(shortest, job.size), Math.max(longest, job.size)];
      if (job.lane !== first.lane || least < LIKENESS * most || most * (batch.length + 1) > maxPadded) continue;
      batch.push(job);
      [shortest, longest] = [least, most];
    }
    return batch;
  }

  /** Where `entry` belongs: behind all that go before it. */
  #place(entry: Entry<J>): number {
    let [low, high] = [0, this.#entries.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (before(entry, this.#entries[middle]!)) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

function before<J extends Queued>(a: Entry<J>, b: Entry<J>): boolean {
  if (a.job.priority !== b.job.priority) return a.job.priority > b.job.priority;
  return a.due !== b.due ? a.due < b.due : a.arrival < b.arrival;
}
