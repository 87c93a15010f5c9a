/** Wakes whoever waits. A race between promises that stay open for hours would keep something of each of its rounds. */
export class Bell {
  private strike = (): void => undefined;
  private next = this.anew();

  ring(): void {
    const { strike } = this;
    this.next = this.anew();
    strike();
  }

  /** Resolves at the next ring. */
  heard(): Promise<void> {
    return this.next;
  }

  private anew(): Promise<void> {
    return new Promise((resolve) => {
      this.strike = resolve;
    });
  }
}
