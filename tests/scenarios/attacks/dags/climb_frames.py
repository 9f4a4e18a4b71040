import sys

frame = sys._getframe()
while frame:
    for value in list(frame.f_locals.values()):
        if callable(value) and getattr(value, "__name__", "") == "say":
            value(None)
    frame = frame.f_back
