"""Text that exists nowhere else, made from a seed: a corpus, and things that have nothing to do with it."""

import random

LETTERS = "abcdefghijklmnopqrstuvwxyz"


def word(rng):
    return "".join(rng.choice(LETTERS) for _ in range(rng.randint(4, 9)))


def function(rng):
    """Six lines of a program that nobody else wrote."""
    a, b, c, d, e = (word(rng) for _ in range(5))
    n = rng.randrange(10, 100_000)
    return (
        f"def {a}_{b}({c}, {d}):\n"
        f"    {e} = {c}.{word(rng)}({n}) or {d}.{word(rng)}\n"
        f"    if not {e}.{word(rng)}:\n"
        f"        raise {word(rng).title()}Error('{word(rng)} {word(rng)} {word(rng)}')\n"
        f"    {c}.{word(rng)}[{d}] = {e} * {rng.randrange(2, 999)}\n"
        f"    return {word(rng)}({e}, {d})\n\n"
    )


def program(seed, functions):
    """The same program for the same seed."""
    rng = random.Random(f"program {seed}")
    return "".join(function(rng) for _ in range(functions))


class Pool:
    """Many pastes at little cost: unrelated functions, each time others together."""

    def __init__(self, seed, functions=2_000):
        self.functions = program(seed, functions).strip().split("\n\n")

    def paste(self, number, leak=None):
        rng = random.Random(number)
        parts = [f"# paste {number}", *rng.sample(self.functions, 3)]
        if leak is not None:
            parts.insert(2, leak)
        return "\n\n".join(parts)


def paste(seed, leak=None):
    """Something unrelated of a few lines; with `leak`, that stands in the middle of it, indented."""
    rng = random.Random(f"paste {seed}")
    before = "".join(function(rng) for _ in range(rng.randint(1, 4)))
    after = "".join(function(rng) for _ in range(rng.randint(1, 4)))
    middle = "" if leak is None else "".join(f"    {line}\n" for line in leak.splitlines())
    return before + middle + after
