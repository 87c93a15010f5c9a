/** What is tried on the way to an ssh session; holds no secrets. */
export type SshAttempt =
  /** `where` is an address with its user and port: `ssh://root@10.0.0.5:22222`. */
  | { readonly type: 'connecting'; readonly where: string }
  | { readonly type: 'host-key'; readonly keyType: string; readonly fingerprint: string }
  /** Such as `~/.ssh/id_rsa (ssh-rsa SHA256:...)`. */
  | { readonly type: 'offering'; readonly credential: string }
  | { readonly type: 'logged-in'; readonly where: string };
