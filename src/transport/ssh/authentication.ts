import type { AnyAuthMethod, AuthHandlerMiddleware, AuthenticationType, NextAuthHandler } from 'ssh2';
import { ExitCode, RdtError } from '../../errors.js';
import type { Credential, Credentials } from './credentials.js';

/** Gives ssh2 one credential after the other, only those of a kind that the server takes. */
export class Authentication {
  /** Set when the credentials themselves failed, such as a key file that cannot be read. */
  failure: { readonly error: unknown } | undefined;
  private readonly offers: AsyncGenerator<Credential, undefined>;
  private accepted: readonly AuthenticationType[] | null = null;

  constructor(
    private readonly username: string,
    private readonly credentials: Credentials,
  ) {
    this.offers = credentials.offers();
  }

  /** False before the server was asked for the first time. */
  get hasBegun(): boolean {
    return this.credentials.tried.length > 0;
  }

  readonly handler: AuthHandlerMiddleware = (accepted, _partialSuccess, next) => {
    void this.answer(accepted, next as (method: AnyAuthMethod | false) => ReturnType<NextAuthHandler>);
  };

  /** The failure of a server that let nobody in, with all that was tried. */
  refused(where: string, cause: unknown): RdtError {
    const { tried, skipped } = this.credentials;
    const skippedPart = skipped.length === 0 ? '' : ` Not tried: ${skipped.join(', ')}.`;
    const acceptedPart = this.accepted === null ? '' : ` It accepts: ${this.accepted.join(', ')}.`;
    return new RdtError(`${where} did not let ${this.username} in.`, {
      exitCode: ExitCode.auth,
      hint:
        `Tried: ${tried.join(', ')}.${skippedPart}${acceptedPart}\n` +
        `Give the key that the device knows with --identity FILE or ssh-add, or ${this.wayToAddKey()}`,
      cause,
    });
  }

  private wayToAddKey(): string {
    if (this.username !== 'root') return `add your public key to ~/.ssh/authorized_keys of ${this.username}.`;
    return (
      'add your public key to "os.sshKeys" in the device\'s config.json.\n' +
      'A host that is no resinOS or balenaOS device may let another user in: ssh://USER@HOST.'
    );
  }

  private async answer(
    accepted: readonly AuthenticationType[] | null,
    next: (method: AnyAuthMethod | false) => void,
  ): Promise<void> {
    try {
      if (accepted !== null) this.accepted = accepted;
      next(await this.next(accepted));
    } catch (error) {
      this.failure = { error };
      next(false);
    }
  }

  private async next(accepted: readonly AuthenticationType[] | null): Promise<AnyAuthMethod | false> {
    for (;;) {
      const { done, value } = await this.offers.next();
      if (done) return false;
      const method = this.method(value);
      if (accepted !== null && !accepted.includes(method.type === 'agent' ? 'publickey' : method.type))
        continue;
      if (value.kind !== 'agent') this.credentials.noteTried(value.label);
      return method;
    }
  }

  private method(credential: Credential): AnyAuthMethod {
    const { username } = this;
    switch (credential.kind) {
      case 'none':
        return { type: 'none', username };
      case 'agent':
        return { type: 'agent', username, agent: credential.agent };
      case 'key':
        return { type: 'publickey', username, key: credential.key };
      case 'empty-password':
        return { type: 'password', username, password: '' };
    }
  }
}
