const line: string = "x".repeat(1023) + "\n";
const flood = (): void => {
  for (let i = 0; i < 64; i++) process.stdout.write(line);
  setImmediate(flood);
};
flood();
