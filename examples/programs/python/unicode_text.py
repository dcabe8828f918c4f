import sys
import unicodedata

text = sys.stdin.read().strip()
print(text[::-1])
print(len(text), len(text.encode()))
print(unicodedata.normalize("NFD", "é").encode().hex())
print(unicodedata.name("\N{SNOWMAN}"), "\N{SNOWMAN}")
