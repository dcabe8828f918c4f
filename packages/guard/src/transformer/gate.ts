/**
 * Where a worker is, in a word that both threads see. A thread that is ended inside ONNX Runtime takes the whole
 * process down (an uncaught Napi::Error, measured with 1.30: exit by SIGABRT). So the worker says when it goes in, and
 * whoever wants to end it never does so in there: it either closes the way in, or asks the worker to go when it is out.
 */
const OUTSIDE = 0;
const INSIDE = 1;
/** Closed while the worker was outside: it may be ended at any time. */
const CLOSED = 2;
/** Inside, and to go when it is out. */
const LEAVING = 3;

/** A gate, in the state of a thread that is outside. */
export function createGate(): SharedArrayBuffer {
  return new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
}

/** For the worker: runs native code; `leave` is called, and does not return, when the thread is to end. */
export async function throughGate<T>(gate: SharedArrayBuffer, leave: () => never, run: () => Promise<T>): Promise<T> {
  const word = new Int32Array(gate);
  if (Atomics.compareExchange(word, 0, OUTSIDE, INSIDE) !== OUTSIDE) leave();
  try {
    return await run();
  } finally {
    if (Atomics.compareExchange(word, 0, INSIDE, OUTSIDE) !== INSIDE) {
      Atomics.store(word, 0, CLOSED);
      Atomics.notify(word, 0);
      leave();
    }
  }
}

/** For the owner: true when the worker may be ended now, false when it will go by itself. */
export function closeGate(gate: SharedArrayBuffer): boolean {
  const word = new Int32Array(gate);
  Atomics.compareExchange(word, 0, OUTSIDE, CLOSED);
  Atomics.compareExchange(word, 0, INSIDE, LEAVING);
  return Atomics.load(word, 0) === CLOSED;
}

/** Closes the gate and blocks this thread until the worker is out. False when it is not within the time. */
export function awaitOutside(gate: SharedArrayBuffer, timeoutMs: number): boolean {
  return closeGate(gate) || Atomics.wait(new Int32Array(gate), 0, LEAVING, timeoutMs) !== "timed-out";
}
