/** One run, as the fork in the template gets it (`python.py`, `become_program`). */
export interface TemplateRequest {
  readonly entry: string;
  readonly args: readonly string[];
  /** Below the working directory, parents first. */
  readonly directories: readonly string[];
  /** Below /box. */
  readonly files: readonly { readonly path: string; readonly content: Uint8Array }[];
  /** Variables for the program, and a link from a place below the writable tmpfs to the decoy file. */
  readonly bait: {
    readonly variables: Readonly<Record<string, string>>;
    readonly link: string;
    readonly target: string;
  };
  readonly hasStdin: boolean;
  readonly tmpfsBytes: number;
  readonly fileSizeBytes: number;
  /** RLIMIT name to soft and hard value. */
  readonly limits: Readonly<Record<string, readonly [number, number]>>;
}

/** `go`, the length of a JSON text, the text, the bytes of the files. */
export function encodeRequest(request: TemplateRequest): Buffer {
  const { hasStdin, files, ...rest } = request;
  const header = { ...rest, stdin: hasStdin, files: files.map(({ path, content }) => [path, content.length]) };
  const text = Buffer.from(JSON.stringify(header));
  return Buffer.concat([Buffer.from(`go\n${text.length}\n`), text, ...files.map(({ content }) => content)]);
}
