import { pino, stdTimeFunctions, type DestinationStream } from "pino";

/** The part of a logger that the server's parts use. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** JSON lines on standard error: standard output belongs to what a command prints. Keys never get in. */
export function createLog(level: string, destination?: DestinationStream): Log & ReturnType<typeof pino> {
  return pino(
    {
      level,
      timestamp: stdTimeFunctions.isoTime,
      redact: ["req.headers.authorization", "headers.authorization", "*.apiKey"],
    },
    destination ?? pino.destination({ dest: 2, sync: true }),
  );
}

/** Says nothing: for tests. */
export const SILENT: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
