"""Groups proposed from file names alone: a pattern for `--group-pattern`."""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

TOKENS = re.compile(r"\d+|[^\W\d_]+|[\W_]")
MOST_RUNS = 4
"""A stretch between separators with more runs of letters and digits than that is random."""
COVERED, SHARING = 0.5, 0.5
"""At least this fraction of names has the form, and of these lies in groups of several."""
FEWEST_GROUPS, LARGEST_GROUP, MEAN_GROUP = 4, 1 / 3, 50
MOST_WORDS = 3
"""More different words than that after a number, without a separator, are no words."""
SHOWN = 3
DATE = re.compile(
    r"\D*(19|20)\d\d(\D?(0?[1-9]|1[0-2])(\D?(0?[1-9]|[12]\d|3[01]))?)?"  # 20240131, 2024-01
)
SPECIAL = re.compile(r"([\\.^$*+?{}\[\]|()])")


@dataclass(frozen=True)
class Proposal:
    """Groups that file names suggest.

    Attributes:
        pattern: A regular expression for `--group-pattern`; its first capture group is the group.
        matched: How many names it matches.
        unmatched: How many it does not: images that would have no group.
        groups: How many groups there are.
        largest: The number of names in the largest one.
        examples: A few groups, with the first of their names.
    """

    pattern: str
    matched: int
    unmatched: int
    groups: int
    largest: int
    examples: list[tuple[str, list[str]]]


def propose(names: Sequence[str]) -> Proposal | None:
    r"""Propose a pattern for groups where file names show structure.

    Names are cut into numbers, words and separators. A beginning that ends with a number, and is
    the same for several names but not for most of them, may name a patient or a study; of several
    such beginnings the shortest is taken, as it keeps the most together, but a date only if there
    is none else. Running numbers, a number for each image, and random names give no groups.

    Args:
        names: File names, without their folders; the same name may occur in several folders.

    Returns:
        The proposal; None where no groups are plausible.

    Example:
        >>> found = propose([f"case{c}_view{v}.png" for c in range(12) for v in range(3)])
        >>> found.pattern, found.groups, found.largest
        ('^case(\\d+)_', 12, 3)
        >>> propose([f"benign ({n}).png" for n in range(40)]) is None
        True
    """
    different = sorted(set(names))
    tokens = {name: _tokens(name) for name in different}
    forms: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for name, parts in tokens.items():
        for length in _cuts(parts):
            forms[tuple(_kind(part) for part in parts[:length])].append(name)
    candidates = []
    for form, members in forms.items():
        if len(members) < max(COVERED * len(different), 2):
            continue
        cut = [tokens[name] for name in members]
        if _plausible(cut, len(form)):
            candidates.append((_is_date(cut, len(form)), len(form), -len(members), form, cut))
    if not candidates:
        return None
    *_, form, cut = min(candidates, key=lambda candidate: candidate[:3])
    return _proposal(_pattern(cut, len(form)), names)


def groups_of(names: Sequence[str], pattern: str) -> list[str]:
    """Read the groups that a proposal gives.

    Args:
        names: File names.
        pattern: Of a `Proposal`.

    Returns:
        The group of each name, "" where the pattern does not match.
    """
    matches = [re.search(pattern, name) for name in names]
    return [match.group(1) if match else "" for match in matches]


def stem(name: str) -> str:
    """Take the suffix off a file name, unless it is a number.

    Args:
        name: A file name, such as "1.2.840.10.jpg".

    Returns:
        The name without its suffix: a DICOM UID has none.

    Example:
        >>> stem("1.2.840.10.jpg"), stem("1.2.840.10")
        ('1.2.840.10', '1.2.840.10')
    """
    suffix = Path(name).suffix
    return name[: -len(suffix)] if any(c.isalpha() for c in suffix) else name


def _tokens(name: str) -> list[str]:
    return TOKENS.findall(stem(name))


def _kind(token: str) -> str:
    return "number" if token.isdigit() else "word" if token.isalpha() else token


def _cuts(parts: list[str]) -> list[int]:
    """The lengths of beginnings that end with a number; none from a random stretch on."""
    cuts, runs, run = [], [], 0
    for part in parts:
        run = run + 1 if part.isalnum() else 0
        runs.append(run)
    for end in range(1, len(parts) + 1):
        longest = end - 1
        while longest + 1 < len(parts) and runs[longest + 1]:
            longest += 1
        if runs[longest] > MOST_RUNS:
            break
        if parts[end - 1].isdigit():
            cuts.append(end)
    return cuts


def _plausible(cut: list[list[str]], length: int) -> bool:
    """Whether beginnings of this length are groups: several, most of several images, none large."""
    groups = Counter(tuple(parts[:length]) for parts in cut)
    sharing = sum(count for count in groups.values() if count > 1)
    following = {parts[length] for parts in cut if "".join(parts[length : length + 1]).isalpha()}
    return (
        len(groups) >= FEWEST_GROUPS
        and max(groups.values()) <= max(LARGEST_GROUP * len(cut), 2)
        and len(cut) / len(groups) <= MEAN_GROUP
        and sharing >= SHARING * len(cut)
        and len(following) <= MOST_WORDS
    )


def _is_date(cut: list[list[str]], length: int) -> bool:
    """Whether all beginnings are dates, or parts of dates."""
    return all(DATE.fullmatch("".join(parts[:length])) for parts in cut)


def _pattern(cut: list[list[str]], length: int) -> str:
    """A regular expression for a beginning: what is the same in all names, then the group."""
    first = next(i for i in range(length) if len({parts[i] for parts in cut}) > 1)
    before = "".join(_escape(part) for part in cut[0][:first])
    group = ""
    for place in range(first, length):
        found = {parts[place] for parts in cut}
        if len(found) == 1:
            group += _escape(found.pop())
        elif all(part.isdigit() for part in found):
            group += r"\d+"
        else:
            group += r"[^\W\d_]+"
    following = {"".join(parts[length : length + 1]) for parts in cut}
    same = following.pop() if len(following) == 1 else ""
    return f"^{before}({group})" + (r"(?!\d)" if same.isalnum() or not same else _escape(same))


def _escape(text: str) -> str:
    return SPECIAL.sub(r"\\\1", text)


def _proposal(pattern: str, names: Sequence[str]) -> Proposal:
    members = defaultdict(list)
    for name, group in zip(names, groups_of(names, pattern), strict=True):
        if group:
            members[group].append(name)
    matched = sum(len(of_group) for of_group in members.values())
    shown = sorted(members, key=lambda group: -len(members[group]))[:SHOWN]
    return Proposal(
        pattern,
        matched,
        len(names) - matched,
        len(members),
        max(len(of_group) for of_group in members.values()),
        [(group, sorted(members[group])[:SHOWN]) for group in shown],
    )
