"""A tide clock for the terminal: how far through the tide are we?"""

import math
import time

LUNAR_DAY = 24 * 3600 + 50 * 60
KNOWN_HIGH_WATER = 1735689600


def phase(now):
    return ((now - KNOWN_HIGH_WATER) % (LUNAR_DAY / 2)) / (LUNAR_DAY / 2)


def hand(fraction, width=40):
    position = round((1 + math.cos(2 * math.pi * fraction)) / 2 * width)
    return "." * position + "O" + "." * (width - position)


if __name__ == "__main__":
    while True:
        print("\rlow " + hand(phase(time.time())) + " high", end="", flush=True)
        time.sleep(30)
