/** A field of a protocol buffer message: number and value. Numbers are varints, or floats where they are wrapped. */
export type Field = readonly [number, Value | readonly Value[]];
type Value = number | string | Uint8Array | { readonly float: number };

/** Encodes a message; of a list each item is a field. https://protobuf.dev/programming-guides/encoding */
export function message(...fields: readonly Field[]): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const [number, value] of fields) {
    for (const one of Array.isArray(value) ? (value as readonly Value[]) : [value as Value]) {
      parts.push(encode(number, one));
    }
  }
  return Buffer.concat(parts);
}

function encode(number: number, value: Value): Uint8Array {
  if (typeof value === "number") return Buffer.concat([varint(number << 3), varint(value)]);
  if (typeof value === "object" && "float" in value) {
    const bytes = Buffer.alloc(4);
    bytes.writeFloatLE(value.float);
    return Buffer.concat([varint((number << 3) | 5), bytes]);
  }
  const bytes = typeof value === "string" ? Buffer.from(value) : value;
  return Buffer.concat([varint((number << 3) | 2), varint(bytes.length), bytes]);
}

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  do {
    bytes.push(Number(rest & 127n) | (rest > 127n ? 128 : 0));
    rest >>= 7n;
  } while (rest > 0n);
  return Uint8Array.from(bytes);
}
