import sys

print("checked 3 files, 1 is broken")
print("broken: b.txt", file=sys.stderr)
sys.exit(3)
