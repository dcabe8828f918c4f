import collections
import re
import sys

words = re.findall(r"\w+", sys.stdin.read().lower())
for word, times in sorted(collections.Counter(words).items(), key=lambda item: (-item[1], item[0]))[:4]:
    print(f"{times:>3} {word}")
