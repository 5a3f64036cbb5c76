export function freshPassphrase(): string;
export function hashPassphrase(passphrase: string): string;
