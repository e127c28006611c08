"""What the records say, held against the line's truth. Reads the database by SQLite alone, never by the daemon's code."""

import collections
import os
import shutil
import sqlite3

VERDICT, OUTCOME, BATCH_OPENED, PERMIT = 3, 5, 10, 20
ACCEPT, PASSED = 1, 1
COMMISSIONED, INACTIVE, IN_DOUBT = 7, 9, 64


def copy(directory, to):
    """A copy to look at, so that looking does not do the recovery that the daemon is to be tried with."""
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(directory, to, ignore=shutil.ignore_patterns("lock"))
    return to


class Records:
    """All that matters here of a copied directory; sqlite3.Error when it is no database."""

    def __init__(self, directory):
        self.accepts = collections.defaultdict(list)
        self.outcomes = {}
        self.passes = collections.Counter()
        self.states = {}
        self.batches = set()
        self.permits = 0
        serials = {}
        # No database at all is what a power cut right after the first start may leave: no records.
        if not os.path.exists(directory + "/records.sqlite"):
            return
        database = sqlite3.connect(directory + "/records.sqlite")
        try:
            if not database.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'records'").fetchone()[0]:
                return
            rows = database.execute("SELECT kind, unit, batch, row, code, number, state, raw FROM records ORDER BY sequence")
            for kind, unit, batch, row, code, number, state, raw in rows:
                if kind == BATCH_OPENED:
                    self.batches.add(batch)
                self.permits += kind == PERMIT
                if row >= 0 and batch not in serials:
                    with open(f"{directory}/batches/{batch:04}.serials") as file:
                        serials[batch] = file.read().split("\n")
                serial = serials[batch][row] if row >= 0 else None
                if kind == VERDICT and code == ACCEPT:
                    self.accepts[serial].append(unit)
                if kind == OUTCOME:
                    self.outcomes[number] = (unit, code)
                    if code == PASSED and serial is not None:
                        self.passes[serial] += 1
                if serial is not None and state is not None:
                    self.states[serial] = state
        finally:
            database.close()


def forget_accept(directory, unit):
    """Takes a unit's accept from a copy, as a daemon that acknowledges before it records would leave it."""
    database = sqlite3.connect(directory + "/records.sqlite")
    with database:
        for (name,) in database.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
            database.execute(f'DROP TRIGGER "{name}"')
        database.execute(
            "DELETE FROM records WHERE kind = ? AND code = ? AND unit = ?", (VERDICT, ACCEPT, unit.number)
        )
    database.close()


def differences(records, accepts, recorded, permits, batches):
    """Sentences, one for each point in which the records do not hold what was acknowledged.

    `accepts` and `recorded` are units whose accept the PLC took and whose outcome the host called recorded; `permits` is
    how many permits the PLC saw, `batches` how many batches the operator was told were opened.
    """
    found = []
    for unit in accepts:
        if unit.number not in records.accepts.get(unit.serial, []):
            found.append(f"LOST: the accept that the PLC took is not on record: {unit}")
    for unit in recorded:
        said = records.outcomes.get(unit.outcome_sequence)
        if said != (unit.number, unit.outcome):
            found.append(f"LOST: outcome {unit.outcome_sequence} was called recorded, the records say {said}: {unit}")
        elif ACCEPT in unit.verdicts:
            state, may = records.states.get(unit.serial), {INACTIVE}
            if unit.outcome == PASSED:
                may = {COMMISSIONED}
            if set(unit.verdicts) != {ACCEPT}:
                may = {COMMISSIONED, INACTIVE, IN_DOUBT}
            if state not in may:
                found.append(f"STATE: {state} on record, {sorted(may)} by truth: {unit}")
    for serial, units in records.accepts.items():
        if len(units) > 1:
            found.append(f"TWICE: serial {serial} was accepted for units {units}")
    for serial, count in records.passes.items():
        if count > 1:
            found.append(f"TWICE: serial {serial} passed {count} times on record")
    if records.permits < permits:
        found.append(f"LOST: {permits} permits came to the PLC, {records.permits} are on record")
    if len(records.batches) < batches:
        found.append(f"LOST: {batches} batches were opened, {len(records.batches)} are on record")
    return found
