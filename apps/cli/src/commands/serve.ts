export interface ServeOptions {
  readonly host?: string;
  readonly port?: number;
  readonly dataDir?: string;
  readonly json?: boolean;
}
export async function serveCommand(_io: unknown, _options: ServeOptions): Promise<number> {
  return 2;
}
