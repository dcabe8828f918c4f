import { createInterface } from "node:readline";

interface Row {
  readonly city: string;
  readonly degrees: number;
}

const rows: Row[] = [];
for await (const line of createInterface({ input: process.stdin })) {
  const [city, degrees] = line.split(",");
  if (city !== undefined && degrees !== undefined) rows.push({ city, degrees: Number(degrees) });
}
const byCity = Object.groupBy(rows, (row) => row.city);
for (const city of Object.keys(byCity).sort()) {
  const values = (byCity[city] ?? []).map((row) => row.degrees);
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  console.log(`${city}: ${mean.toFixed(1)} (${Math.min(...values)} to ${Math.max(...values)})`);
}
