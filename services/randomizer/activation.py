"""A protocol version comes into force: the seed is committed before the first draw.

And what a trial that is closed still owes to who waits.
"""

from services.randomizer.book import Book, Decision, Trial
from services.randomizer.desk import Desk
from services.randomizer.milestones import by_amendment
from services.randomizer.rules import OtherProtocolError, Rules
from shared.contracts.events.randomization import SeedCommitted, TrialActivated


def tell_waiting(rules: Rules, book: Book) -> Decision | None:
    """Refuses who still waits in a closed trial; None where nobody does.

    A close tells them at once. But a backup may hold the close and not the refusals, and so may the
    rows of a release that did not tell all. ``book`` has all who wait.
    """
    waits = any(subject.standing == "waiting" for subject in book.subjects.values())
    if book.trial.state != "closed" or not waits:
        return None
    desk = Desk(rules, book)
    desk.serve_waiting()
    return desk.decision()


def activate(rules: Rules, book: Book | None) -> Decision | None:
    """Puts the plan in force, for a new trial (``book`` None) or as its next protocol version.

    ``book`` has all who wait and the draws of every site: an amendment may close the trial, or
    reach milestones by its limits alone. None where it is in force already. Raises
    ``OtherProtocolError`` where the file changed under the same version, or where the version
    before is not among the rules.
    """
    plan, before = rules.plan, None
    if book is not None and book.trial.protocol_version == plan.protocol_version:
        if book.trial.protocol_sha256 != plan.protocol_sha256:
            raise OtherProtocolError(
                f"the protocol of {plan.trial} changed, but its version is still "
                f"{plan.protocol_version}"
            )
        return None
    if book is None:
        trial = Trial(
            id=plan.trial,
            protocol_version=plan.protocol_version,
            protocol_sha256=plan.protocol_sha256,
            design_sha256=plan.scheme.sha256,
            commitment=rules.seed.commitment,
        )
        desk = Desk(rules, Book(trial, {}, {}, {}, {}))
        desk.tell(SeedCommitted(commitment=trial.commitment))
    else:
        before = rules.of(book.trial.protocol_version)
        if before is None:
            raise OtherProtocolError(f"version {book.trial.protocol_version} is not here")
        desk = Desk(rules, book)
        desk.trial = book.trial._replace(
            protocol_version=plan.protocol_version,
            protocol_sha256=plan.protocol_sha256,
            design_sha256=plan.scheme.sha256,
        )
    desk.tell(
        TrialActivated(
            protocol_version=plan.protocol_version,
            protocol_sha256=plan.protocol_sha256,
            design_sha256=plan.scheme.sha256,
            approved_by=plan.approved_by,
        )
    )
    for site, opened in plan.sites.items():
        if site not in desk.sites:
            desk.set_site(site, opened)
    if before is not None and desk.trial.state != "closed":
        for milestone in by_amendment(before.scheme.design, plan.scheme.design, desk.book):
            desk.tell(milestone)
    desk.close_at_target()
    return desk.decision()
