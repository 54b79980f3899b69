"""Whether a sequence of arms can have come from permuted blocks: told from the arms alone."""

from collections import Counter
from collections.abc import Mapping, Sequence


def is_balanced(arms: Sequence[str], ratio: Mapping[str, int], sizes: Sequence[int]) -> bool:
    """Whether `arms` can be cut into blocks of these sizes that each keep the ratio.

    The last block may be unfinished. A block's size is a multiple of the ratio's sum.
    """
    whole = sum(ratio.values())
    ends = {0}  # every place at which a block can end
    for start in range(len(arms) + 1):
        if start not in ends:
            continue
        for size in sizes:
            block = Counter(arms[start : start + size])
            share = {arm: part * size // whole for arm, part in ratio.items()}
            if any(count > share.get(arm, 0) for arm, count in block.items()):
                continue
            if start + size >= len(arms):
                return True
            ends.add(start + size)
    return not arms
