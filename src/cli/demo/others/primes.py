import sys


def sieve(limit):
    marks = bytearray([1]) * (limit + 1)
    marks[0:2] = b"\x00\x00"
    for number in range(2, int(limit ** 0.5) + 1):
        if marks[number]:
            marks[number * number :: number] = bytes(len(marks[number * number :: number]))
    return [number for number, mark in enumerate(marks) if mark]


def main():
    limit = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    for prime in sieve(limit):
        print(prime)


if __name__ == "__main__":
    main()
