/** See run.mjs; what tests in TypeScript use of it. */
export interface Target {
  readonly says: string;
}
export const TARGETS: Readonly<Record<string, Target>>;
export function commandsOf(name: string, settings: Readonly<Record<string, string>>): string[][];
