/** What Piston says about a field that does not fit; its clients show it to people, and some match on it. */
export function pistonMessage(path: readonly PropertyKey[], issueCode: string | undefined, otherwise: string): string {
  const [field, index, part] = path.map(String);
  if (field === undefined) return "language is required as a string";
  if (field === "language" || field === "version") return `${field} is required as a string`;
  if (field === "files") {
    if (index === undefined)
      return issueCode === "too_small"
        ? "files must include at least one utf8 encoded file"
        : issueCode === "invalid_type"
          ? "files is required as an array"
          : otherwise;
    if (part === undefined || part === "content") return `files[${index}].content is required as a string`;
    return otherwise;
  }
  if (/^(?:run|compile)_/.test(field)) return `If specified, ${field} must be a number`;
  return otherwise;
}
