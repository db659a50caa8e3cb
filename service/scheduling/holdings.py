"""How many bytes each subject holds of something that all share, and what its fair share of a budget would be."""

# A subject that comes when the budget is used up by others still gets its share, up to so many times the budget.
OVERDRAFT = 2


class Holdings:
    """Bytes by subject. A subject that holds nothing leaves no trace, and `total` is the sum of all."""

    def __init__(self) -> None:
        self._by_subject: dict[str, int] = {}
        self.total = 0

    def __repr__(self) -> str:
        """Show the counts."""
        return f"<Holdings {self.total} bytes, {self.subjects} subjects>"

    @property
    def subjects(self) -> int:
        """The subjects that hold something."""
        return len(self._by_subject)

    def of(self, subject: str) -> int:
        """Return what a subject holds."""
        return self._by_subject.get(subject, 0)

    def change(self, subject: str, difference: int) -> None:
        """Add to what a subject holds, or take from it; never more than it holds."""
        held = self.of(subject) + difference
        assert held >= 0
        self.total += difference
        if held:
            self._by_subject[subject] = held
        else:
            self._by_subject.pop(subject, None)

    def fair_share(self, subject: str, budget: int) -> float:
        """Return the budget divided by the subjects that use it, this one among them."""
        return budget / (self.subjects + (subject not in self._by_subject))
