import { z } from "zod";

const MiB = 1024 * 1024;
const most = (max: number) => z.number().int().min(1).max(max);

/** What a request may ask to get back: `true`, or limits below the usual ones. */
export const ArtifactsRequest = z
  .union([
    z.boolean(),
    z
      .strictObject({
        files: most(256).meta({ description: "Files at most; default 64." }),
        fileBytes: most(8 * MiB).meta({ description: "Bytes of one file at most." }),
        totalBytes: most(8 * MiB).meta({ description: "Bytes of all files together at most." }),
      })
      .partial(),
  ])
  .meta({
    id: "ArtifactsRequest",
    description: "Give back the regular files that the program leaves in its directory `out`. Default: none.",
  });

/** Which file of a run. */
export const ArtifactQuery = z.strictObject({
  path: z.string().min(1).max(1024).meta({ description: "One of `outcome.artifacts.files`." }),
});

export const Artifact = z
  .object({
    path: z.string().meta({ description: "Below `out`." }),
    sizeBytes: z.number().int(),
    sha256: z.string(),
    content: z.string().meta({ description: "Written as `encoding` says." }),
    encoding: z.enum(["utf8", "base64"]).meta({ description: "`base64` when the bytes are not valid UTF-8." }),
  })
  .meta({ id: "Artifact" });
export type Artifact = z.infer<typeof Artifact>;

export const Artifacts = z
  .object({
    files: z.array(Artifact),
    leftOut: z
      .array(z.object({ path: z.string(), reason: z.string() }))
      .meta({ description: "What is in `out` and not given back: links, devices, what is over the limits." }),
    incomplete: z.string().nullable().meta({ description: "Why not all of `out` was looked at; null when it was." }),
  })
  .meta({ id: "Artifacts" });
export type Artifacts = z.infer<typeof Artifacts>;
