"""Random pushes, deliveries, faults and strangers, with the contract checked at the end of each run."""

from __future__ import annotations

from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from dagwarden.events.objects import ObjectEvent
from dagwarden.handlers.offer import offered_push_id
from dagwarden.names import Component, PushId, parse_inbox_object
from localcloud.calls import Fault
from tests.scenarios.contract.checks import check_contract, check_instances
from tests.scenarios.contract.pipeline import AGENTS, Pipeline, Plant

SOURCES = ("a", "b", "c")
FILES = ("dags/shared.py", "plugins/shared.py")
CHANCES = st.sampled_from([False, False, False, True])
PLACES = st.integers(0, 1000)
"""Which of a list: taken modulo its length, so that shrinking keeps its meaning."""

FAULTS = st.builds(
    lambda call, action, nth, times: Fault(
        service=call[0], method=call[1], action=action[0], status=action[1], nth=nth, times=times
    ),
    st.sampled_from(
        [
            ("storage", "objects.insert"),
            ("storage", "objects.download"),
            ("storage", "objects.*"),
            ("logging", "entries.write"),
            ("iam", "*"),
            ("pubsub", "Publish"),
        ]
    ),
    st.sampled_from([("fail", 412), ("fail", 429), ("fail", 503), ("fail_after", 503), ("drop", 0), ("drop_after", 0)]),
    st.integers(1, 6),
    st.integers(1, 3),
)


class Contract(RuleBasedStateMachine):
    """One run. Which rules apply hangs on nothing that happened, so that a run can be made again."""

    plant: ClassVar[Plant]

    def __init__(self) -> None:
        super().__init__()
        self.pipeline = Pipeline(self.plant)
        self.pushes: set[PushId] = set()
        self.heads: dict[str, list[str]] = {source: [""] for source in SOURCES}
        self.count = 0

    def _sent(self, event: ObjectEvent) -> None:
        named = parse_inbox_object(event.name)
        assert named is not None
        self.pushes.add(offered_push_id(event, named))
        self.pipeline.collect()

    # ---- pushers ----------------------------------------------------------------------------------------------

    @rule(
        source=st.sampled_from(SOURCES),
        paths=st.sets(st.sampled_from((*FILES, "own", "own2")), min_size=1),
        deletes=CHANCES,
        force=CHANCES,
        is_stale=CHANCES,
        is_broken=CHANCES,
        is_unsigned=CHANCES,
    )
    def push(  # noqa: PLR0917 rules are called by name
        self,
        source: str,
        paths: set[str],
        deletes: bool,
        force: bool,
        is_stale: bool,
        is_broken: bool,
        is_unsigned: bool,
    ) -> None:
        self.count += 1
        heads = self.heads[source]
        head = f"{source}{self.count}"
        text = f"n = {self.count}\n" + ("x = = 1\n" if is_broken else "")
        named = sorted(f"dags/{source}/{path}.py" if path.startswith("own") else path for path in paths)
        gone = (named.pop(),) if deletes else ()
        event = self.pipeline.desk.push(
            dict.fromkeys(named, text),
            deletes=gone,
            source=source,
            base=heads[max(0, len(heads) - 2)] if is_stale else heads[-1],
            head=head,
            force=force,
            is_signed=not is_unsigned,
        )
        if not (is_broken or is_unsigned or is_stale):
            heads.append(head)
        self._sent(event)

    @rule(path=st.sampled_from(("dags/dropped.py", *FILES)), is_broken=CHANCES)
    def drop(self, path: str, is_broken: bool) -> None:
        self.count += 1
        self._sent(self.pipeline.desk.drop(path, f"n = {self.count}\n" + ("x = = 1\n" if is_broken else "")))

    @rule(place=PLACES)
    def roll_back(self, place: int) -> None:
        target = 1 + place % max(1, self.pipeline.desk.head())
        self._sent(self.pipeline.desk.push(source="rollback", rollback_to=target))

    # ---- deliveries -------------------------------------------------------------------------------------------

    @rule(place=PLACES, twice=CHANCES, fault=st.none() | FAULTS)
    def deliver(self, place: int, twice: bool, fault: Fault | None) -> None:
        pending = self.pipeline.pending
        if not pending:
            return
        delivery = pending.pop(place % len(pending))
        if self.pipeline.deliver(delivery, fault):
            self.pipeline.taken.append(delivery)
        else:
            pending.append(delivery)
        if twice:
            self.pipeline.deliver(delivery)
        self.pipeline.collect()

    @rule()
    def deliver_all(self) -> None:
        pending, self.pipeline.pending = self.pipeline.pending, []
        for delivery in pending:
            (self.pipeline.taken if self.pipeline.deliver(delivery) else self.pipeline.pending).append(delivery)
        self.pipeline.collect()

    @rule(place=PLACES, fault=st.none() | FAULTS)
    def deliver_late_again(self, place: int, fault: Fault | None) -> None:
        taken = self.pipeline.taken
        if not taken:
            return
        self.pipeline.deliver(taken[place % len(taken)], fault)
        self.pipeline.collect()

    @rule(place=PLACES)
    def lose_a_notice(self, place: int) -> None:
        notices = [delivery for delivery in self.pipeline.pending if delivery.taker in self.pipeline.agents]
        if notices:
            self.pipeline.pending.remove(notices[place % len(notices)])

    # ---- processes --------------------------------------------------------------------------------------------

    @rule()
    def restart_functions(self) -> None:
        self.pipeline.restart_functions()

    @rule(component=st.sampled_from(AGENTS))
    def restart_agent(self, component: Component) -> None:
        self.pipeline.restart_agent(component)

    @rule(component=st.sampled_from(AGENTS))
    def reconcile(self, component: Component) -> None:
        self.pipeline.reconcile(component)

    # ---- strangers --------------------------------------------------------------------------------------------

    @rule(
        path=st.sampled_from((*FILES, "dags/a/own.py", "dags/dropped.py", "dags/strange.py")),
        deletes=st.booleans(),
    )
    def intrude(self, path: str, deletes: bool) -> None:
        self.count += 1
        self.pipeline.intrude(path, None if deletes else f"strange = {self.count}\n".encode())
        self.pipeline.collect()

    def teardown(self) -> None:
        try:
            self.pipeline.settle()
            check_instances(self.pipeline)
            check_contract(self.pipeline, self.pushes)
        finally:
            self.pipeline.admin.forget_faults()
            self.pipeline.close()


def make_machine(plant: Plant) -> type[Contract]:
    """The machine; each run of it has an environment of its own in `plant`."""
    return type("ContractOfPlant", (Contract,), {"plant": plant})
