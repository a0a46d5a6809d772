/** Decoded audio that waits for the model: what is held of it, and what may come on top. */
export class AudioBudget {
  readonly #limit: number;
  readonly #onRoom = new Set<() => void>();
  #held = 0;

  /** @param limit bytes; the clip that reaches it is still taken */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get heldBytes(): number {
    return this.#held;
  }

  get full(): boolean {
    return this.#held >= this.#limit;
  }

  /** `listener` hears of each time that there is room again. */
  onRoom(listener: () => void): void {
    this.#onRoom.add(listener);
  }

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

/** A clip's share of the budget. */
export interface AudioLease {
  resize(bytes: number): void;
  /** May be called again, without effect. */
  release(): void;
}
