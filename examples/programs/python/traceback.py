def deepest(level):
    if level == 0:
        raise ValueError("as deep as it goes")
    deepest(level - 1)


print("before", flush=True)
deepest(3)
