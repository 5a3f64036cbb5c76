/**
 * Pages: what a person is shown, as data. The app turns each view into HTML; the authorization server adds the headers that keep
 * it from being framed, scripted or cached. Every string in a view is plain text and must be escaped.
 */

import type { SignInField } from "../sign-in/types.ts";

interface FormView {
  readonly serverName: string;
  readonly action: string;
  /** Comes back as the field "form". */
  readonly form: string;
}

/** Who asks for access, as far as that is known. */
export interface ClientView {
  /** Empty when it gave none. */
  readonly name: string;
  /** The operator of this server gave it its name. */
  readonly isConfigured: boolean;
  /** The host of its metadata document, which did. Neither: nobody did but the client itself. */
  readonly metadataHost: string | undefined;
  /** Where the answer is sent: a host, or the scheme of a private one, with its colon. */
  readonly redirectHost: string;
  /** The answer stays on this device: any program here may pretend to be the client. */
  readonly isLocal: boolean;
}

/** Posts the fields, and `remember` when it is ticked. */
export interface SignInView extends FormView {
  readonly view: "sign-in";
  readonly title: string;
  readonly fields: readonly SignInField[];
  /** Undefined when the person came to see their account. */
  readonly client: ClientView | undefined;
  /** Whether they asked to be kept signed in, the last time. */
  readonly staysSignedIn: boolean;
  /** What went wrong then. */
  readonly message: string | undefined;
}

/** Posts `decision`: "allow", "deny", or "switch" to sign in as somebody else. */
export interface ConsentView extends FormView {
  readonly view: "consent";
  readonly client: ClientView;
  readonly person: string;
  readonly scopes: readonly { readonly name: string; readonly description: string }[];
}

/** Posts `grant` to take it back, `all` to take back every one, or `leave` to sign out. */
export interface AccountView extends FormView {
  readonly view: "account";
  readonly person: string;
  /** What was just taken back: how many grants, the client's name where it was one, and of how many that failed. */
  readonly ended:
    | { readonly count: number; readonly clientName: string; readonly failedCount: number }
    | undefined;
  /** How many of the person's grants cannot be asked at the moment, and are not in `grants`. */
  readonly unreachedCount: number;
  readonly grants: readonly {
    readonly id: string;
    readonly clientName: string;
    /** Where its answer went: it tells apart two of the same name. */
    readonly redirectHost: string;
    readonly scopes: readonly string[];
    /** Milliseconds since the epoch. */
    readonly createdAt: number;
    readonly lastUsedAt: number;
  }[];
}

export interface MessageView {
  readonly view: "message";
  readonly serverName: string;
  readonly title: string;
  readonly text: string;
}

export type View = SignInView | ConsentView | AccountView | MessageView;

/** A view before the server's name is put to it. */
export type ViewContent<V extends View = View> = V extends View ? Omit<V, "serverName"> : never;

/** A whole HTML document. `nonce` is for its one style element. */
export type RenderPage = (view: View, nonce: string) => string;
