let text = "";
process.stdin.setEncoding("utf8");
for await (const chunk of process.stdin) text += chunk;
const numbers = text.split(/\s+/).filter(Boolean).map(BigInt);
console.log(String(numbers.reduce((sum, n) => sum + n, 0n)));
