class Hostile(Exception):
    def __str__(self):
        raise SystemExit(0)

    def __getattribute__(self, name):
        raise SystemExit(0)


raise Hostile
