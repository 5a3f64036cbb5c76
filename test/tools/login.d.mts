type Tab = (url: string | URL, init?: RequestInit) => Promise<Response>;

export function login(
  endpoint: string | URL,
  fields: Readonly<Record<string, string>>,
): Promise<{ access_token: string; refresh_token: string; client_id: string }>;
export function refresh(
  endpoint: string | URL,
  kept: { readonly client_id: string; readonly refresh_token: string },
): Promise<{ access_token: string; refresh_token: string } | undefined>;
export function passPages(
  browser: Tab,
  url: string | URL,
  fields: Readonly<Record<string, string>>,
): Promise<URLSearchParams>;
export function tab(): Tab;
