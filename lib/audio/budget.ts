/** Limits the memory of decoded audio that waits for the model. */
export class AudioBudget {
  readonly #limit: number;
  readonly #onRoom = new Set<() => void>();
  #held = 0;

  /** @param limit bytes; the clip that reaches the limit is still accepted */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get heldBytes(): number {
    return this.#held;
  }

  get full(): boolean {
    return this.#held >= this.#limit;
  }

  /** Calls `listener` each time the budget has room again. */
  onRoom(listener: () => void): void {
    this.#onRoom.add(listener);
  }

  /** Reserves memory for a clip. */
  hold(bytes: number): AudioLease {
    let own = 0;
    const resize = (to: number): void => {
      const wasFull = this.full;
      this.#held += to - own;
      own = to;
      if (wasFull && !this.full) for (const listener of this.#onRoom) listener();
    };
    resize(bytes);
    return { resize, release: () => resize(0) };
  }
}

/** The part of the budget that a clip holds. */
export interface AudioLease {
  resize(bytes: number): void;
  /** Further calls have no effect. */
  release(): void;
}
