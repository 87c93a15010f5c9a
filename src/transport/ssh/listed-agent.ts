import ssh2, { type BaseAgent, type ParsedKey, type SignCallback, type SigningRequestOptions } from 'ssh2';

type Identity = string | Buffer | ParsedKey;
/** Runs what may take any time, and is not the other side's silence. */
export type WhileAPersonThinks = <T>(think: () => Promise<T>) => Promise<T>;

/** An ssh agent that shows only some of its keys, and that is no failure when it does not answer. */
export class ListedAgent extends ssh2.BaseAgent<Identity> {
  constructor(
    private readonly agent: BaseAgent,
    private readonly isOffered: (key: ParsedKey) => boolean,
    private readonly onSilent: () => void,
    /** It may ask a person for a PIN, a touch or their consent before it signs. */
    private readonly whileAPersonThinks: WhileAPersonThinks,
  ) {
    super();
  }

  override getIdentities(callback: (error: Error | null | undefined, keys?: Identity[]) => void): void {
    this.agent.getIdentities((error, keys) => {
      if (error) this.onSilent();
      callback(null, (keys ?? []).filter(isParsed).filter(this.isOffered));
    });
  }

  override sign(
    key: Identity,
    data: Buffer,
    options: SigningRequestOptions | SignCallback,
    callback?: SignCallback,
  ): void {
    const [how, done] = typeof options === 'function' ? [{}, options] : [options, callback];
    void this.whileAPersonThinks(
      () =>
        new Promise<void>((signed) => {
          this.agent.sign(key, data, how, (error, signature) => {
            signed();
            done?.(error, signature);
          });
        }),
    );
  }
}

const isParsed = (key: object | string): key is ParsedKey => typeof key === 'object' && 'getPublicSSH' in key;
