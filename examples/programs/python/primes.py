import sys


def primes_below(limit):
    composite = bytearray(limit)
    for n in range(2, limit):
        if not composite[n]:
            yield n
            composite[n * n :: n] = b"\1" * len(composite[n * n :: n])


limit = int(sys.argv[1])
found = list(primes_below(limit))
print(f"{len(found)} primes below {limit}; the largest is {found[-1]}")
