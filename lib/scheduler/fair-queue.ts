/** The properties of a job that decide its place in the queue. */
export interface Queued {
  /** Amount of work, in samples of audio. */
  readonly size: number;
  /** Jobs of a higher priority always go first. */
  readonly priority: number;
  /** Jobs share a batch only with jobs of the same batch key. */
  readonly batchKey: object;
}

export interface BatchLimits {
  /** Maximum number of jobs in a batch. */
  maxBatch: number;
  /** Maximum number of samples in a batch, each job padded to the longest. A job that is larger by itself runs alone. */
  maxPadded: number;
}

/** Amount of later work that may overtake a job, as a multiple of its own size. */
const PATIENCE = 4;
/** Minimum size of the shortest job of a batch, as a fraction of the longest. */
const MIN_SIZE_RATIO = 0.75;

interface Entry<J> {
  job: J;
  /** Value of the queue's clock at which the job is due. */
  due: number;
  arrival: number;
}

/**
 * A queue ordered by priority, then by due time. A job is due once work of `PATIENCE` times its own size has been taken since
 * it arrived. Short clips therefore overtake the windows of a long file, but no number of short clips delays a long one beyond
 * that. Jobs of the same size are first come, first served.
 */
export class FairQueue<J extends Queued> {
  /** In the order in which they are due. */
  readonly #entries: Entry<J>[] = [];
  /** Work that has been taken, in samples. */
  #clock = 0;
  #arrivals = 0;

  get length(): number {
    return this.#entries.length;
  }

  get head(): J | undefined {
    return this.#entries[0]?.job;
  }

  /** Iterates in the order in which the jobs are due. */
  *[Symbol.iterator](): Iterator<J> {
    for (const { job } of this.#entries) yield job;
  }

  push(job: J): void {
    const entry = { job, due: this.#clock + PATIENCE * job.size, arrival: this.#arrivals++ };
    this.#entries.splice(this.#indexFor(entry), 0, entry);
  }

  /** Returns false if the job is not in the queue. */
  remove(job: J): boolean {
    const index = this.#entries.findIndex((entry) => entry.job === job);
    if (index >= 0) this.#entries.splice(index, 1);
    return index >= 0;
  }

  /** Removes and returns the head and the jobs that may share its batch. */
  take(limits: BatchLimits): J[] {
    const batch = this.nextBatch(limits);
    const taken = new Set<J>(batch);
    let kept = 0;
    for (const entry of this.#entries) {
      if (!taken.has(entry.job)) this.#entries[kept++] = entry;
    }
    this.#entries.length = kept;
    for (const job of batch) this.#clock += job.size;
    return batch;
  }

  /** Returns the batch that `take` would remove: the head, and jobs of its batch key and priority that are of similar size. */
  nextBatch({ maxBatch, maxPadded }: BatchLimits): J[] {
    const first = this.head;
    if (first === undefined) return [];
    const batch = [first];
    let [shortest, longest] = [first.size, first.size];
    for (let i = 1; i < this.#entries.length && batch.length < maxBatch; i++) {
      const { job } = this.#entries[i]!;
      if (job.priority !== first.priority) break;
      const [min, max] = [Math.min(shortest, job.size), Math.max(longest, job.size)];
      const fits = min >= MIN_SIZE_RATIO * max && max * (batch.length + 1) <= maxPadded;
      if (job.batchKey !== first.batchKey || !fits) continue;
      batch.push(job);
      [shortest, longest] = [min, max];
    }
    return batch;
  }

  /** Returns the index after all entries that precede `entry`. */
  #indexFor(entry: Entry<J>): number {
    let [low, high] = [0, this.#entries.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (precedes(entry, this.#entries[middle]!)) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

function precedes<J extends Queued>(a: Entry<J>, b: Entry<J>): boolean {
  if (a.job.priority !== b.job.priority) return a.job.priority > b.job.priority;
  return a.due !== b.due ? a.due < b.due : a.arrival < b.arrival;
}
