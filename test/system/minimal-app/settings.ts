/** The settings of this app. */

export interface AppEnv {
  readonly PASSPHRASE?: string;
}
