const size = Number(process.argv[2]);

function solutions(row, columns, left, right) {
  if (row === size) return 1;
  let count = 0;
  for (let free = ~(columns | left | right) & ((1 << size) - 1); free; free &= free - 1) {
    const bit = free & -free;
    count += solutions(row + 1, columns | bit, (left | bit) << 1, (right | bit) >> 1);
  }
  return count;
}

console.log(`${size} queens: ${solutions(0, 0, 0, 0)} solutions`);
