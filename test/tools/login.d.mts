type Tab = (url: string | URL, init?: RequestInit) => Promise<Response>;

export function login(
  endpoint: string | URL,
  fields: Readonly<Record<string, string>>,
): Promise<{ access_token: string; refresh_token: string; client_id: string }>;
export function passPages(
  browser: Tab,
  url: string | URL,
  fields: Readonly<Record<string, string>>,
): Promise<URLSearchParams>;
export function tab(): Tab;
