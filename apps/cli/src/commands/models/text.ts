import type { ModelManifest } from "@crucible/guard";
import { formatBytes } from "../../units.ts";

/** Bytes of all files of a model. */
export const sizeOf = ({ files }: ModelManifest): number => files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);

/** What a person is told of a model that is installed now. */
export function installedText(folder: string, manifest: ModelManifest, fetched: boolean): string {
  const { name, revision, licence } = manifest;
  return [
    `${fetched ? "installed" : "was installed before:"} ${name} at ${revision}`,
    `  folder   ${folder}`,
    `  size     ${formatBytes(sizeOf(manifest))} in ${manifest.files.length} files, all checked`,
    `  licence  ${licence ?? "not named"}`,
    "",
  ].join("\n");
}
