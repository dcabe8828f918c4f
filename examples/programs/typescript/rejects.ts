async function fetchScore(name: string): Promise<number> {
  if (name === "nobody") throw new Error(`no score for ${name}`);
  return name.length;
}

async function main(): Promise<void> {
  console.log(await fetchScore("grace"));
  console.log(await fetchScore("nobody"));
}

main().catch((error: Error) => {
  console.error(error.message);
  process.exit(4);
});
