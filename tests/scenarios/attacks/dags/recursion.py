def dig(depth):
    return dig(depth + 1)


dig(0)
