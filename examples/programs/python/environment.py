import os

print(os.environ["GREETING"], os.environ.get("HOME") is not None, "CRUCIBLE_API_KEY" in os.environ)
