import ssh2, { type BaseAgent, type ParsedKey, type SignCallback, type SigningRequestOptions } from 'ssh2';

type Identity = string | Buffer | ParsedKey;

/** An ssh agent that shows only some of its keys, and that is no failure when it does not answer. */
export class ListedAgent extends ssh2.BaseAgent<Identity> {
  constructor(
    private readonly agent: BaseAgent,
    private readonly isOffered: (key: ParsedKey) => boolean,
    private readonly onSilent: () => void,
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
    if (typeof options === 'function') this.agent.sign(key, data, options);
    else this.agent.sign(key, data, options, callback);
  }
}

const isParsed = (key: object | string): key is ParsedKey => typeof key === 'object' && 'getPublicSSH' in key;
